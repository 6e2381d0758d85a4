// SPDX-License-Identifier: Apache-2.0

using System.Net;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Storage;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

public sealed class BackupTests
{
    [Theory]
    [InlineData("web")]
    [InlineData("db")]
    public async Task FullThenIncremental_GoesThroughPhasesAndKeepsCheckpoints(string vmName)
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync(vmName)}";
        var first = await ReadyAsync(api, vm, vmName, null);
        var checkpoint = (await api.GetAsync($"{vm}/backups/{first}"))["to_checkpoint_id"]!.GetValue<string>();
        Assert.All(await ModesAsync(api, vm, first), m => Assert.Equal("full", m));
        await FinishAsync(api, vm, first);

        var second = await ReadyAsync(api, vm, vmName, checkpoint);
        Assert.All(await ModesAsync(api, vm, second), m => Assert.Equal("incremental", m));
        await FinishAsync(api, vm, second);

        var checkpoints = (await api.GetAsync($"{vm}/checkpoints"))["checkpoint"]!.AsArray();
        Assert.Equal(2, checkpoints.Count);
        Assert.Equal(checkpoint, checkpoints[1]!["parent_id"]!.GetValue<string>());
        Assert.Equal("created", checkpoints[1]!["state"]!.GetValue<string>());
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task DisksOfALiveBackup_AreLockedAndHaveScratchDisks_UntilItEnds()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("web")}";
        var disk = (await api.DisksOfAsync("web"))[0];
        var backup = await ReadyAsync(api, vm, "web", null);
        Assert.Equal("locked", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
        Assert.Equal("full", (await api.GetAsync($"disks/{disk}"))["backup_mode"]!.GetValue<string>());
        Assert.Single((await api.GetAsync("disks?search=disk_content_type%3Dbackup_scratch"))["disk"]!.AsArray());
        await FinishAsync(api, vm, backup);
        Assert.Equal("ok", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
        Assert.Null((await api.GetAsync($"disks/{disk}"))["backup_mode"]);
        Assert.Null((await api.GetAsync("disks?search=disk_content_type%3Dbackup_scratch"))["disk"]);
    }

    [Fact]
    public async Task VmDuringBackup_RefusesAnotherBackupSnapshotStopAndCheckpointRemoval()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("web")}";
        var disk = (await api.DisksOfAsync("web"))[0];
        var first = await ReadyAsync(api, vm, "web", null);
        var checkpoint = (await api.GetAsync($"{vm}/backups/{first}"))["to_checkpoint_id"]!.GetValue<string>();
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/backups", Request(disk, null), HttpStatusCode.Conflict, "locked");
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/snapshots", new { description = "s" }, HttpStatusCode.Conflict, "The VM is during a backup operation.");
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/stop", new { }, HttpStatusCode.Conflict, "The VM is during a backup operation.");
        await api.AssertFaultAsync(HttpMethod.Delete, $"{vm}/checkpoints/{checkpoint}", null, HttpStatusCode.Conflict, "during a backup");
        await api.AssertFaultAsync(HttpMethod.Put, $"disks/{disk}", new { name = "x" }, HttpStatusCode.Conflict, "Disk is locked");
        await FinishAsync(api, vm, first);
    }

    [Fact]
    public async Task FinalizeTwice_Is400_AndWithAnActiveTransfer409()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("web")}";
        var disk = (await api.DisksOfAsync("web"))[0];
        var backup = await ReadyAsync(api, vm, "web", null);
        var transfer = await api.PostOkAsync("imagetransfers", new { disk = new { id = disk }, backup = new { id = backup }, direction = "download", format = "raw" });
        var transferPath = $"imagetransfers/{transfer["id"]}";
        await api.WaitAsync(transferPath, "phase", "transferring");
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/backups/{backup}/finalize", new { }, HttpStatusCode.Conflict, "There is an active image transfer for VM backup");
        await api.PostOkAsync($"{transferPath}/finalize", new { });
        await api.WaitAsync(transferPath, "phase", "finished_success");
        await FinishAsync(api, vm, backup);
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/backups/{backup}/finalize", new { }, HttpStatusCode.BadRequest, "no need to stop the backup again");
    }

    [Fact]
    public async Task FinalizeBeforeReady_FailsTheBackupAndFreesTheDisks()
    {
        await using var api = await ApiFixture.StartAsync(change: o => o with { HybridBackupFrom = null, Pace = o.Pace with { First = TimeSpan.FromMilliseconds(200), Longest = TimeSpan.FromMilliseconds(200) } });
        var vm = $"vms/{await api.VmAsync("web")}";
        var backup = (await api.PostOkAsync($"{vm}/backups", Request((await api.DisksOfAsync("web"))[0], null)))["id"]!.GetValue<string>();
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/backups/{backup}/finalize", new { }, HttpStatusCode.Conflict, "not in READY phase");
        await api.WaitAsync($"{vm}/backups/{backup}", "phase", "failed");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task ClientChosenId_IsHonoured_AndRefusedTheSecondTime()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("db")}";
        var id = Guid.NewGuid();
        var body = new { id, disks = new { disk = (await api.DisksOfAsync("db")).Select(d => new { id = d }) } };
        Assert.Equal(id.ToString(), (await api.PostOkAsync($"{vm}/backups", body))["id"]!.GetValue<string>());
        await api.WaitAsync($"{vm}/backups/{id}", "phase", "ready");
        await FinishAsync(api, vm, id.ToString());
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/backups", body, HttpStatusCode.BadRequest, "already exists");
    }

    [Fact]
    public async Task UnusableCheckpoint_FailsWithItsEvent_AndAFullBackupWorksAfterIt()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("web")}";
        var first = await ReadyAsync(api, vm, "web", null);
        var checkpoint = (await api.GetAsync($"{vm}/backups/{first}"))["to_checkpoint_id"]!.GetValue<string>();
        await FinishAsync(api, vm, first);
        api.Storage.Failures["StartBackupAsync"] = new StorageException(StorageFailure.CheckpointUnusable, "bitmap gone");
        var second = (await api.PostOkAsync($"{vm}/backups", Request((await api.DisksOfAsync("web"))[0], checkpoint)))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/backups/{second}", "phase", "failed");
        Assert.Empty(api.Storage.Failures);
        var events = (await api.GetAsync($"events?search={second}"))["event"]!.AsArray();
        Assert.Contains(events, e => e!["code"]!.GetValue<string>() == "10791");
        Assert.Equal("10792", events[0]!["code"]!.GetValue<string>());
        await FinishAsync(api, vm, await ReadyAsync(api, vm, "web", null));
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task UnknownAndInvalidCheckpoints_Are400()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("db")}";
        var disk = (await api.DisksOfAsync("db"))[0];
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/backups", Request(disk, Guid.NewGuid().ToString()), HttpStatusCode.BadRequest, "does not exist");
        var backup = await ReadyAsync(api, vm, "db", null);
        var checkpoint = (await api.GetAsync($"{vm}/backups/{backup}"))["to_checkpoint_id"]!.GetValue<string>();
        await FinishAsync(api, vm, backup);
        var snapshot = (await api.PostOkAsync($"{vm}/snapshots", new { description = "s", persist_memorystate = "false" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "snapshot_status", "ok");
        await api.PostOkAsync($"{vm}/snapshots/{snapshot}/restore", new { });
        await api.WaitAsync($"{vm}/checkpoints/{checkpoint}", "state", "invalid");
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "snapshot_status", "ok");
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/backups", Request(disk, checkpoint), HttpStatusCode.BadRequest, "is invalid");
    }

    [Fact]
    public async Task RawDisksOnly_HaveNoCheckpoint()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("raw")}";
        var backup = await ReadyAsync(api, vm, "raw", null);
        Assert.Null((await api.GetAsync($"{vm}/backups/{backup}"))["to_checkpoint_id"]);
        await FinishAsync(api, vm, backup);
        Assert.Null((await api.GetAsync($"{vm}/checkpoints"))["checkpoint"]);
    }

    [Fact]
    public async Task NewDisk_IsFullWhileTheOthersAreIncremental()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("db")}";
        var disks = await api.DisksOfAsync("db");
        var first = (await api.PostOkAsync($"{vm}/backups", Request(disks[0], null)))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/backups/{first}", "phase", "ready");
        var checkpoint = (await api.GetAsync($"{vm}/backups/{first}"))["to_checkpoint_id"]!.GetValue<string>();
        await FinishAsync(api, vm, first);
        var second = await ReadyAsync(api, vm, "db", checkpoint);
        var modes = (await api.GetAsync($"{vm}/backups/{second}/disks"))["disk"]!.AsArray().ToDictionary(d => d!["id"]!.GetValue<string>(), d => d!["backup_mode"]!.GetValue<string>());
        Assert.Equal("incremental", modes[disks[0].ToString()]);
        Assert.Equal("full", modes[disks[1].ToString()]);
        await FinishAsync(api, vm, second);
    }

    [Fact]
    public async Task RemovedCheckpoint_IsGone_AndItsChildHasItsParent()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("db")}";
        for (var i = 0; i < 3; i++)
        {
            await FinishAsync(api, vm, await ReadyAsync(api, vm, "db", null));
        }

        var ids = (await api.GetAsync($"{vm}/checkpoints"))["checkpoint"]!.AsArray().Select(c => c!["id"]!.GetValue<string>()).ToList();
        await api.SendAsync(HttpMethod.Delete, $"{vm}/checkpoints/{ids[1]}");
        await api.WaitAsync($"{vm}/checkpoints/{ids[1]}", "id", "gone");
        Assert.Equal(ids[0], (await api.GetAsync($"{vm}/checkpoints/{ids[2]}"))["parent_id"]!.GetValue<string>());
        Assert.Contains($"RemoveCheckpointAsync {ids[1]} {ids[0]}", api.Storage.Calls);
    }

    [Fact]
    public async Task CrashOfTheVm_FailsItsLiveBackupAndLeavesNothing()
    {
        await using var api = await ApiFixture.StartAsync(change: WithoutSnapshots);
        var id = await api.VmAsync("web");
        var backup = await ReadyAsync(api, $"vms/{id}", "web", null);
        var transfer = await api.PostOkAsync("imagetransfers", new { disk = new { id = (await api.DisksOfAsync("web"))[0] }, backup = new { id = backup }, direction = "download", format = "raw" });
        await api.WaitAsync($"imagetransfers/{transfer["id"]}", "phase", "transferring");
        await api.Engine.CrashVmAsync(id, ApiFixture.Token);
        await api.WaitAsync($"vms/{id}/backups/{backup}", "phase", "failed");
        await api.WaitAsync($"imagetransfers/{transfer["id"]}", "phase", "finished_failure");
        Assert.Contains("StopVmAsync clean=False", api.Storage.Calls);
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task RequireConsistency_FailsWithoutAgent_AndIsNotNeededOtherwise()
    {
        var model = SimulatorModel.Empty with
        {
            DataCenters = [DataCenterModel.Simple("d", "c", [new VmModel("mute", [new DiskModel(1 << 20)]) { Running = true, GuestAgent = false }], 1)],
        };
        await using var api = await ApiFixture.StartAsync(model, WithoutSnapshots);
        var vm = $"vms/{await api.VmAsync("mute")}";
        var body = Request((await api.DisksOfAsync("mute"))[0], null);
        var strict = (await api.PostOkAsync($"{vm}/backups?require_consistency=true", body))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/backups/{strict}", "phase", "failed");
        await FinishAsync(api, vm, await ReadyAsync(api, vm, "mute", null));
    }

    /// <summary>Live and cold backups, as below cluster level 4.7.</summary>
    private static SimulatorOptions WithoutSnapshots(SimulatorOptions options) => options with { HybridBackupFrom = null };

    private static object Request(Guid disk, string? from) => from is null
        ? new { disks = new { disk = new[] { new { id = disk } } } }
        : new { from_checkpoint_id = from, disks = new { disk = new[] { new { id = disk } } } };

    private static async Task<string> ReadyAsync(ApiFixture api, string vm, string name, string? from)
    {
        var disks = new { disk = (await api.DisksOfAsync(name)).Select(d => new { id = d }) };
        var body = from is null ? (object)new { disks } : new { from_checkpoint_id = from, disks };
        var id = (await api.PostOkAsync($"{vm}/backups", body))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/backups/{id}", "phase", "ready");
        return id;
    }

    private static async Task FinishAsync(ApiFixture api, string vm, string id)
    {
        await api.PostOkAsync($"{vm}/backups/{id}/finalize", new { });
        await api.WaitAsync($"{vm}/backups/{id}", "phase", "succeeded");
    }

    private static async Task<List<string>> ModesAsync(ApiFixture api, string vm, string backup) =>
        [.. (await api.GetAsync($"{vm}/backups/{backup}/disks"))["disk"]!.AsArray().Select(d => d!["backup_mode"]!.GetValue<string>())];
}
