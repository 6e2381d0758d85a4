// SPDX-License-Identifier: Apache-2.0

using System.Net;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.Storage;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

/// <summary>Backups by a snapshot of their own: what an engine does at cluster level 4.7 unless told otherwise.</summary>
public sealed class HybridBackupTests
{
    [Fact]
    public async Task Ready_SnapshotIsListedAndNothingElseIsLocked()
    {
        await using var api = await ApiFixture.StartAsync();
        var (vm, disk) = await WebAsync(api);
        var image = (await api.GetAsync($"disks/{disk}"))["image_id"]!.GetValue<string>();
        var backup = await ReadyAsync(api, vm, disk);
        var snapshot = await SnapshotAsync(api, vm, backup);

        var listed = await api.GetAsync($"{vm}/snapshots/{snapshot}");
        Assert.Equal("Auto-generated for Backup VM", listed["description"]!.GetValue<string>());
        Assert.Equal("ok", listed["snapshot_status"]!.GetValue<string>());
        var layer = Assert.Single((await api.GetAsync($"{vm}/snapshots/{snapshot}/disks"))["disk"]!.AsArray())!;
        Assert.Equal(image, layer["image_id"]!.GetValue<string>());
        var now = await api.GetAsync($"disks/{disk}");
        Assert.Equal("ok", now["status"]!.GetValue<string>());
        Assert.NotEqual(image, now["image_id"]!.GetValue<string>());

        // Other work on snapshots goes on; only the two snapshots' own time is exclusive.
        var other = (await api.PostOkAsync($"{vm}/snapshots", new { description = "other", persist_memorystate = "false" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/snapshots/{other}", "snapshot_status", "ok");
        await FinishAsync(api, vm, backup);
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "id", "gone");
        Assert.Equal(image, Assert.Single((await api.GetAsync($"{vm}/snapshots/{other}/disks"))["disk"]!.AsArray())!["image_id"]!.GetValue<string>());
        await RemoveAsync(api, $"{vm}/snapshots/{other}");
        await api.WaitAsync($"{vm}/snapshots/{other}", "id", "gone");
        Assert.Equal(image, (await api.GetAsync($"disks/{disk}"))["image_id"]!.GetValue<string>());
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task TransferOfTheBackup_LocksTheSnapshotsVolumeOnly()
    {
        await using var api = await ApiFixture.StartAsync();
        var (vm, disk) = await WebAsync(api);
        var backup = await ReadyAsync(api, vm, disk);
        var snapshot = await SnapshotAsync(api, vm, backup);
        var transfer = (await api.PostOkAsync("imagetransfers", new { disk = new { id = disk }, backup = new { id = backup }, direction = "download", format = "raw" }))["id"]!;
        await api.WaitAsync($"imagetransfers/{transfer}", "phase", "transferring");

        Assert.Equal("ok", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
        Assert.Equal("locked", await VolumeStatusAsync(api, disk, snapshot));
        Assert.Equal(ExportKind.Backup, Assert.Single(api.Storage.Exports).Kind);
        await api.AssertFaultAsync(
            HttpMethod.Post, $"{vm}/backups/{backup}/finalize", new { }, HttpStatusCode.Conflict, "There is an active image transfer for VM backup");
        await api.PostOkAsync($"imagetransfers/{transfer}/finalize", new { });
        await api.WaitAsync($"imagetransfers/{transfer}", "phase", "finished_success");
        Assert.Equal("ok", await VolumeStatusAsync(api, disk, snapshot));
        await FinishAsync(api, vm, backup);
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task MergeFails_BackupSucceedsAndItsSnapshotIsLeft()
    {
        await using var api = await ApiFixture.StartAsync();
        var (vm, disk) = await WebAsync(api);
        var backup = await ReadyAsync(api, vm, disk);
        var snapshot = await SnapshotAsync(api, vm, backup);
        var fault = api.Engine.Faults.Arm(new FaultRule { Name = "left behind", Method = "POST", Path = "/vms/*/backups/*/finalize", FailMerge = true });
        await FinishAsync(api, vm, backup);

        Assert.True(fault.Exercised);
        Assert.Equal("ok", (await api.GetAsync($"{vm}/snapshots/{snapshot}"))["snapshot_status"]!.GetValue<string>());
        Assert.Contains((await api.GetAsync($"events?search={backup}"))["event"]!.AsArray(), e => e!["code"]!.GetValue<string>() == "10813");

        // The left-over is a snapshot like any other.
        var removal = api.Engine.Faults.Arm(new FaultRule { Name = "again", Method = "DELETE", Path = "/vms/*/snapshots/*", FailMerge = true });
        await RemoveAsync(api, $"{vm}/snapshots/{snapshot}");
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "snapshot_status", "ok");
        Assert.True(removal.Exercised);
        await RemoveAsync(api, $"{vm}/snapshots/{snapshot}");
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "id", "gone");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task StuckFinalizing_GoesOnWhenTheFaultEnds()
    {
        await using var api = await ApiFixture.StartAsync();
        var (vm, disk) = await WebAsync(api);
        var backup = await ReadyAsync(api, vm, disk);
        _ = api.Engine.Faults.Arm(new FaultRule { Name = "stuck", Method = "POST", Path = "/vms/*/backups/*/finalize", StickPhase = true });
        await api.PostOkAsync($"{vm}/backups/{backup}/finalize", new { });
        await api.WaitAsync($"{vm}/backups/{backup}", "phase", "finalizing");
        var snapshot = await SnapshotAsync(api, vm, backup);
        Assert.Equal("ok", (await api.GetAsync($"{vm}/snapshots/{snapshot}"))["snapshot_status"]!.GetValue<string>());

        Assert.True(api.Engine.Faults.Remove("stuck"));
        await api.WaitAsync($"{vm}/backups/{backup}", "phase", "succeeded");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task StorageRefusesTheSnapshot_BackupFailsAndVmIsFree()
    {
        await using var api = await ApiFixture.StartAsync();
        var (vm, disk) = await WebAsync(api);
        api.Storage.Failures[nameof(IDiskStorage.StartBackupAsync)] = new StorageException(StorageFailure.NoSpace, "no space left");
        var backup = (await api.PostOkAsync($"{vm}/backups", Request(disk)))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/backups/{backup}", "phase", "failed");
        await api.AssertCleanAsync();
        await FinishAsync(api, vm, await ReadyAsync(api, vm, disk));
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task Legacy_TakesNoSnapshot()
    {
        await using var api = await ApiFixture.StartAsync();
        var (vm, disk) = await WebAsync(api);
        var backup = (await api.PostOkAsync($"{vm}/backups?legacy=true", Request(disk)))["id"]!.GetValue<string>();
        Assert.Null((await api.WaitAsync($"{vm}/backups/{backup}", "phase", "ready"))!["snapshot"]);
        Assert.Equal("locked", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
        await FinishAsync(api, vm, backup);
        await api.AssertCleanAsync();
    }

    private static object Request(Guid disk) => new { disks = new { disk = new[] { new { id = disk } } } };

    private static async Task<(string Vm, Guid Disk)> WebAsync(ApiFixture api) => ($"vms/{await api.VmAsync("web")}", (await api.DisksOfAsync("web"))[0]);

    private static async Task RemoveAsync(ApiFixture api, string path) => Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Delete, path)).Status);

    private static async Task<string> ReadyAsync(ApiFixture api, string vm, Guid disk)
    {
        var id = (await api.PostOkAsync($"{vm}/backups", Request(disk)))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/backups/{id}", "phase", "ready");
        return id;
    }

    private static async Task FinishAsync(ApiFixture api, string vm, string backup)
    {
        await api.PostOkAsync($"{vm}/backups/{backup}/finalize", new { });
        await api.WaitAsync($"{vm}/backups/{backup}", "phase", "succeeded");
    }

    private static async Task<string> SnapshotAsync(ApiFixture api, string vm, string backup) =>
        (await api.GetAsync($"{vm}/backups/{backup}"))["snapshot"]!["id"]!.GetValue<string>();

    private static async Task<string> VolumeStatusAsync(ApiFixture api, Guid disk, string snapshot) =>
        (await api.GetAsync($"disks/{disk}/disksnapshots"))["disk_snapshot"]!.AsArray()
            .Single(s => s!["snapshot"]!["id"]!.GetValue<string>() == snapshot)!["status"]!.GetValue<string>();
}
