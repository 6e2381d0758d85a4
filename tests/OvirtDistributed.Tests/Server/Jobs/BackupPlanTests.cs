// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

public sealed class BackupPlanTests
{
    private static readonly Guid DiskId = Guid.NewGuid();
    private static readonly Guid CheckpointId = Guid.NewGuid();

    [Fact]
    public void CheckpointAliveAndPointThere_Incremental()
    {
        var plan = Decide();

        Assert.True(plan.Incremental);
        Assert.Equal(CheckpointId, plan.FromCheckpointId);
        Assert.Equal("", plan.ModeReason);
    }

    [Fact]
    public void FullAskedFor_Full() => AssertFull(Decide(request: new BackupDetails { FullRequested = true }), "asked for", fellBack: false);

    [Fact]
    public void FirstBackup_Full() => AssertFull(Decide(latest: null, hasLatest: false), "first backup", fellBack: false);

    [Fact]
    public void PointGone_FallsBack() => AssertFull(Decide(exists: false), "not in the repository", fellBack: true);

    [Fact]
    public void CheckpointNotListed_FallsBack() => AssertFull(Decide(checkpoints: []), "lost", fellBack: true);

    [Fact]
    public void CheckpointInvalid_FallsBack() =>
        AssertFull(Decide(checkpoints: [new EngineCheckpoint(CheckpointId, "", null, Usable: false)]), "invalid", fellBack: true);

    [Fact]
    public void NewDiskOnOldCluster_FallsBack()
    {
        var vm = Vm(Disk(DiskId), Disk(Guid.NewGuid()));

        AssertFull(Decide(vm: vm, cluster: Cluster(4, 4)), "cannot mix", fellBack: true);
        Assert.True(Decide(vm: vm, cluster: Cluster(4, 5)).Incremental);
    }

    [Theory]
    [InlineData("lun", true)]
    [InlineData("shareable", true)]
    [InlineData("memory", true)]
    [InlineData("inactive", false)]
    [InlineData("illegal", false)]
    [InlineData("excluded", true)]
    public void DiskThatCannotBeBackedUp_IsSkippedWithAReason(string kind, bool expected)
    {
        var disk = Disk(Guid.NewGuid());
        disk = kind switch
        {
            "lun" => disk with { StorageType = "lun" },
            "shareable" => disk with { Shareable = true },
            "memory" => disk with { ContentType = "memory_dump_volume" },
            "inactive" => disk with { Active = false },
            "illegal" => disk with { Status = "illegal" },
            _ => disk with { Alias = "Excluded" },
        };

        var plan = Decide(vm: Vm(Disk(DiskId), disk), request: new BackupDetails { ExcludedDisks = ["EXCLUDED"] });

        var skipped = Assert.Single(plan.Skipped);
        Assert.Equal((disk.Id, expected), (skipped.DiskId, skipped.Expected));
        Assert.NotEmpty(skipped.Reason);
        Assert.Equal(DiskId, Assert.Single(plan.Disks).Id);
    }

    [Fact]
    public void IncrementalNotEnabledOnOldCluster_IsSkipped()
    {
        var vm = Vm(Disk(DiskId) with { IncrementalEnabled = false });

        Assert.Single(Decide(vm: vm, cluster: Cluster(4, 4)).Skipped);
        Assert.Empty(Decide(vm: vm, cluster: Cluster(4, 6)).Skipped);
    }

    private static void AssertFull(BackupPlan plan, string reason, bool fellBack)
    {
        Assert.False(plan.Incremental);
        Assert.Null(plan.FromCheckpointId);
        Assert.Contains(reason, plan.ModeReason, StringComparison.Ordinal);
        Assert.Equal(fellBack, plan.FellBack);
    }

    private static BackupPlan Decide(
        EngineVm? vm = null, EngineCluster? cluster = null, BackupDetails? request = null, RestorePoint? latest = null, bool hasLatest = true,
        bool exists = true, IReadOnlyList<EngineCheckpoint>? checkpoints = null) => BackupPlan.Decide(
        vm ?? Vm(Disk(DiskId)),
        cluster ?? Cluster(4, 7),
        request ?? new BackupDetails(),
        hasLatest ? latest ?? Point() : null,
        exists,
        checkpoints ?? [new EngineCheckpoint(CheckpointId, "", null, Usable: true)]);

    private static EngineCluster Cluster(int major, int minor) => new(Guid.NewGuid(), "cluster", Guid.NewGuid(), major, minor);

    private static EngineVm Vm(params EngineDisk[] disks) => new() { Id = Guid.NewGuid(), Name = "vm", ClusterId = Guid.NewGuid(), Status = "down", Disks = disks };

    private static EngineDisk Disk(Guid id) => new() { Id = id, Alias = "disk", IncrementalEnabled = true };

    private static RestorePoint Point() => new()
    {
        Id = "point",
        RepositoryId = Guid.NewGuid(),
        ManagerId = Guid.NewGuid(),
        ManagerName = "manager",
        VmId = Guid.NewGuid(),
        VmName = "vm",
        Created = DateTimeOffset.UnixEpoch,
        CheckpointId = CheckpointId,
        Disks =
        [
            new RestorePointDisk
            {
                Id = DiskId, Alias = "disk", SizeBytes = 1, Format = "cow", Sparse = true, Interface = "virtio", Bootable = true, RootDigest = [], RootLevels = 0, Incremental = false,
            },
        ],
    };
}
