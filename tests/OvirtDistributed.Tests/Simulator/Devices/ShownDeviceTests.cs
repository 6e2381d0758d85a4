// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Storage.Devices;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Devices;

/// <summary>Attached disks as block devices of this machine: what a worker in a VM finds.</summary>
public sealed class ShownDeviceTests
{
    private static CancellationToken None => CancellationToken.None;

    [Theory]
    [InlineData(36)]
    [InlineData(20)]
    public async Task SnapshotDisk_IsTheSnapshotsMomentWhateverIsWritten(int serialLength)
    {
        await using var site = await DeviceSite.StartAsync(serialLength);
        var expected = await site.ReferenceAsync(site.SourceDisk);
        var snapshot = await site.SnapshotAsync();
        await site.Engine.GuestWriteAsync(site.SourceDisk.Value, 0, Filled(1, 300_000), None).WithinDeadline();
        await site.AttachAsync(site.Worker1, snapshot);
        var link = site.Link(site.Worker1, site.SourceDisk, serialLength);

        Assert.Equal((DeviceSite.DiskBytes, 512, false), DeviceSite.Geometry(link));
        AssertSame(expected, DeviceSite.Read(link));
        await site.Engine.GuestWriteAsync(site.SourceDisk.Value, 1 << 20, Filled(2, 300_000), None).WithinDeadline();
        AssertSame(expected, DeviceSite.Read(link));

        // As on a host the guest may write, and nobody else ever sees it.
        DeviceSite.Write(link, 4096, Filled(3, 100_000));
        Assert.Equal(3, DeviceSite.Read(link)[5000]);
        await site.ReleaseAsync(site.Worker1, site.SourceDisk);
        Assert.False(new FileInfo(link).Exists);
        await site.AssertNothingShownAsync();
        await site.AttachAsync(site.Worker1, snapshot);
        AssertSame(expected, DeviceSite.Read(link));

        await site.ReleaseAsync(site.Worker1, site.SourceDisk);
        await site.DeleteSnapshotAsync(snapshot);
        var guest = await site.ReferenceAsync(site.SourceDisk);
        Assert.Equal((1, 2), (guest[0], guest[1 << 20]));
        await site.AssertCleanAsync();
    }

    [Theory]
    [InlineData(DiskFormat.Cow)]
    [InlineData(DiskFormat.Raw)]
    public async Task NewDisk_HoldsWhatWasWrittenOnceItIsDetached(DiskFormat format)
    {
        await using var site = await DeviceSite.StartAsync();
        var disk = await site.NewDiskAsync(format);
        var request = new AttachDisk { Disk = disk, Active = true, Interface = DiskInterface.Virtio };
        await site.Client.Vms.AttachDiskAsync(site.Worker1, request, CorrelationId.New(), None).WithinDeadline();
        var link = site.Link(site.Worker1, disk, 20, "virtio-");
        var expected = new byte[DeviceSite.DiskBytes];
        var data = new byte[3 << 20];
        new Random(7).NextBytes(data);
        data.CopyTo(expected, 512);

        AssertSame(new byte[DeviceSite.DiskBytes], DeviceSite.Read(link));
        DeviceSite.Write(link, 512, data);
        Assert.Contains(disk.ToString(), Assert.Single((await site.Engine.LeftoversAsync(None).WithinDeadline()).WorkerAttachments), StringComparison.Ordinal);
        await site.ReleaseAsync(site.Worker1, disk);

        AssertSame(expected, await site.ReferenceAsync(disk));
        Assert.NotNull(await site.Client.Disks.FindAsync(disk, None).WithinDeadline());
        await site.AssertCleanAsync();
    }

    [Fact]
    public async Task TwoVms_SeeTheSameSnapshotEachForItself()
    {
        await using var site = await DeviceSite.StartAsync();
        var snapshot = await site.SnapshotAsync();
        await Task.WhenAll(site.AttachAsync(site.Worker1, snapshot), site.AttachAsync(site.Worker2, snapshot, readOnly: true)).WithinDeadline();
        var (one, two) = (site.Link(site.Worker1, site.SourceDisk), site.Link(site.Worker2, site.SourceDisk));
        var expected = DeviceSite.Read(two);

        DeviceSite.Write(one, 0, Filled(9, 4096));

        AssertSame(expected, DeviceSite.Read(two));
        Assert.Equal((false, true), (DeviceSite.Geometry(one).ReadOnly, DeviceSite.Geometry(two).ReadOnly));
        await site.ReleaseAsync(site.Worker1, site.SourceDisk);
        Assert.Equal((false, true), (new FileInfo(one).Exists, new FileInfo(two).Exists));
        await RefusedAsync(() => site.DeleteSnapshotAsync(snapshot));
        Assert.Single((await site.Engine.LeftoversAsync(None).WithinDeadline()).SnapshotAttachments);
        await site.ReleaseAsync(site.Worker2, site.SourceDisk);
        await site.DeleteSnapshotAsync(snapshot);
        await site.AssertCleanAsync();
    }

    [Fact]
    public async Task DeviceIsOpen_DetachIsRefusedAndTheVmsStopTakesItAway()
    {
        await using var site = await DeviceSite.StartAsync();
        await site.AttachAsync(site.Worker1, await site.SnapshotAsync());
        var link = site.Link(site.Worker1, site.SourceDisk);
        using (File.OpenHandle(link, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            var refused = await RefusedAsync(() => site.ReleaseAsync(site.Worker1, site.SourceDisk));
            Assert.Contains("close the device", refused.FaultDetail, StringComparison.Ordinal);
            Assert.True(File.Exists(link));
            Assert.True((await site.Client.Vms.FindAttachmentAsync(site.Worker1, site.SourceDisk, None).WithinDeadline())!.Active);

            await site.Client.Vms.StopAsync(site.Worker1, force: false, CorrelationId.New(), None).WithinDeadline();
            await site.Client.Vms.WaitForStatusAsync(site.Worker1, [VmStatus.Down], None).WithinDeadline();
            Assert.False(new FileInfo(link).Exists);
        }

        // It is attached still, so the next start brings it back.
        await site.Client.Vms.StartAsync(site.Worker1, CorrelationId.New(), None).WithinDeadline();
        await site.Client.Vms.WaitForStatusAsync(site.Worker1, [VmStatus.Up], None).WithinDeadline();
        AssertSame(await site.ReferenceAsync(site.SourceDisk), DeviceSite.Read(link));
        // What is plugged now goes with the simulator: the site looks.
    }

    [Fact]
    public async Task MachineHasNoLoopDevices_IsSaid()
    {
        using var directory = new TemporaryDirectory();
        await using var storage = DiskStorage.Open(
            directory.File("data"), new DiskStorageOptions { Losetup = "false" }, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System);
        var (disk, vm) = (Guid.NewGuid(), Guid.NewGuid());
        await storage.CreateDiskAsync(new DiskSpec(disk, Guid.NewGuid(), VolumeFormat.Cow, Sparse: true, 1 << 20), None).WithinDeadline();
        await storage.StartVmAsync(vm, [disk], None).WithinDeadline();

        var failure = await Assert.ThrowsAsync<StorageException>(() => storage.OpenDeviceAsync(new DeviceSpec(vm, disk, null, ReadOnly: false), None)).WithinDeadline();

        Assert.Contains("Loop devices cannot be used on this machine", failure.Message, StringComparison.Ordinal);
        Assert.Empty(storage.Leftovers());
    }

    [Fact]
    public async Task PredecessorWasKilled_ItsDevicesAreTakenAway()
    {
        using var directory = new TemporaryDirectory();
        var run = Directory.CreateDirectory(directory.File("data/run")).FullName;
        await File.WriteAllBytesAsync(directory.File("image"), new byte[1 << 20], None);
        var image = new System.Text.Json.Nodes.JsonObject { ["driver"] = "file", ["filename"] = directory.File("image") };
        var options = new DiskStorageOptions();
        var export = await FuseExport.StartAsync(options, image, Path.Combine(run, "d1.raw"), writable: true, readLimit: null, TimeProvider.System, None).WithinDeadline();
        _ = await LoopDevice.AttachAsync(options.Losetup, export.File, readOnly: false, TimeProvider.System, None).WithinDeadline();

        // Nobody disposes them, as after a kill.
        await using (DiskStorage.Open(directory.File("data"), options, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System))
        {
            await DeviceSite.AssertNothingLeftAsync(directory.File("data"), own: 0);
        }
    }

    private static byte[] Filled(byte value, int length)
    {
        var data = new byte[length];
        Array.Fill(data, value);
        return data;
    }

    private static void AssertSame(byte[] expected, byte[] actual)
    {
        var same = expected.AsSpan().CommonPrefixLength(actual);
        Assert.True(expected.Length == actual.Length && same == expected.Length, $"Images of {expected.Length} and {actual.Length} bytes differ at {same}.");
    }

    private static async Task<OvirtException> RefusedAsync(Func<Task> call)
    {
        var refused = await Assert.ThrowsAsync<OvirtException>(call).WithinDeadline();
        Assert.Equal(OvirtError.Conflict, refused.Error);
        return refused;
    }
}
