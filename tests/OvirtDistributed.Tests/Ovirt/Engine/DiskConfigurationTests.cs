// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Engine;

public sealed class DiskConfigurationTests
{
    /// <summary>The table of the engine's own check, written out.</summary>
    private static bool EngineAccepts(DiskConfiguration configuration, StorageType storage) => (configuration.Format, configuration.Sparse, configuration.IncrementalBackup) switch
    {
        (DiskFormat.Raw, _, true) => false,
        (DiskFormat.Raw, true, false) => storage is not (StorageType.Iscsi or StorageType.Fcp),
        (DiskFormat.Raw, false, false) => true,
        (DiskFormat.Cow, true, _) => true,
        (DiskFormat.Cow, false, var incremental) => incremental,
        _ => false,
    };

    public static TheoryData<DiskFormat, bool, bool, StorageType> Everything()
    {
        var all = new TheoryData<DiskFormat, bool, bool, StorageType>();
        foreach (var format in new[] { DiskFormat.Raw, DiskFormat.Cow })
        {
            foreach (var storage in Enum.GetValues<StorageType>())
            {
                foreach (var bits in Enumerable.Range(0, 4))
                {
                    all.Add(format, (bits & 1) != 0, (bits & 2) != 0, storage);
                }
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void AnyConfiguration_BecomesLegalWithoutChangingTheFormat(DiskFormat format, bool sparse, bool incremental, StorageType storage)
    {
        var asked = new DiskConfiguration(format, sparse, incremental);

        var legal = asked.LegalOn(storage);

        Assert.Equal(EngineAccepts(asked, storage), asked.IsLegalOn(storage));
        Assert.True(EngineAccepts(legal.Configuration, storage));
        Assert.Equal(format, legal.Configuration.Format);
        Assert.Equal(asked == legal.Configuration, legal.Changes.Count == 0);
        Assert.Empty(legal.Configuration.LegalOn(storage).Changes);
    }

    [Theory]
    [InlineData(StorageType.Iscsi, "iSCSI")]
    [InlineData(StorageType.Fcp, "Fibre Channel")]
    public void RawSparseOnBlockStorage_BecomesPreallocatedAndSaysSo(StorageType storage, string named)
    {
        var legal = new DiskConfiguration(DiskFormat.Raw, Sparse: true, IncrementalBackup: false).LegalOn(storage);

        Assert.Equal(new DiskConfiguration(DiskFormat.Raw, Sparse: false, IncrementalBackup: false), legal.Configuration);
        Assert.Contains(named, Assert.Single(legal.Changes), StringComparison.Ordinal);
        Assert.False(legal.Configuration.StartsZeroedOn(storage));
    }

    [Fact]
    public void NewDiskOnFileStorageOrCow_NeedsNoZeroesWritten()
    {
        Assert.True(new DiskConfiguration(DiskFormat.Raw, false, false).StartsZeroedOn(StorageType.Nfs));
        Assert.True(new DiskConfiguration(DiskFormat.Cow, true, false).StartsZeroedOn(StorageType.Iscsi));
    }
}
