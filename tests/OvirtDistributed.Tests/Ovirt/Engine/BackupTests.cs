// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Backups;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Engine;

public sealed class BackupTests
{
    private readonly VmId _vm = EngineId.New<VmId>();
    private readonly BackupId _backup = EngineId.New<BackupId>();
    private readonly DiskId _disk = EngineId.New<DiskId>();
    private readonly CheckpointId _checkpoint = EngineId.New<CheckpointId>();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Start_SendsTextScalarsAndTheChosenId()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups?require_consistency=true", Answer.Json(Backup("initializing"), 202));
        await using var client = engine.Connect();

        var backup = await client.Backups.StartAsync(Request() with { RequireConsistency = true }, CorrelationId.New(), CancellationToken.None).WithinDeadline();

        Assert.Equal(BackupPhase.Initializing, backup.Phase);
        using var body = JsonDocument.Parse(Assert.Single(engine.Calls).Body);
        Assert.Equal(_backup.ToString(), body.RootElement.GetProperty("id").GetString());
        Assert.Equal(_checkpoint.ToString(), body.RootElement.GetProperty("from_checkpoint_id").GetString());
        Assert.Equal(_disk.ToString(), body.RootElement.GetProperty("disks").GetProperty("disk")[0].GetProperty("id").GetString());
    }

    [Fact]
    public async Task StartAnswerIsLost_FindsTheBackupInsteadOfStartingASecond()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups", Answer.Dropped, Answer.Fault(400, "[Cannot backup VM. The backup id already exists]"));
        engine.On($"GET vms/{_vm}/backups/{_backup}", Backup("starting"));
        await using var client = engine.Connect(_time, new EngineRetryOptions());

        var call = client.Backups.StartAsync(Request(), CorrelationId.New(), CancellationToken.None);
        await _time.DriveAsync(call, TimeSpan.FromMilliseconds(200));

        Assert.Equal(_backup, (await call).Id);
        Assert.Equal(2, engine.Count($"POST vms/{_vm}/backups"));
    }

    [Theory]
    [InlineData(400, "[Cannot backup VM. The specified checkpoint does not exist]", OvirtError.CheckpointUnusable)]
    [InlineData(409, "[Cannot backup VM. Incremental backup is disabled for disks: a]", OvirtError.CheckpointUnusable)]
    [InlineData(409, "[Cannot backup VM. The following disks are locked: a]", OvirtError.Locked)]
    [InlineData(409, "[Cannot backup VM. The Virtual Machine should be in Up or Down status.]", OvirtError.Conflict)]
    [InlineData(400, "[Cannot backup VM. Something else]", OvirtError.BadRequest)]
    public async Task IncrementalStartRefused_TellsWhetherAFullBackupHelps(int status, string detail, OvirtError expected)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups", Answer.Fault(status, detail));
        engine.On(Events(), "{}");
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Backups.StartAsync(Request(), CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(expected, failure.Error);
    }

    [Fact]
    public async Task IncrementalStartRefusedWithoutAWord_TheEventTells()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups", Answer.Fault(400, "[]"));
        engine.On(Events(), Event(10791, "Cannot do incremental, a full backup is needed"));
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Backups.StartAsync(Request(), CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.CheckpointUnusable, failure.Error);
        Assert.Contains("a full backup is needed", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FullStartRefusedForAWordLikeCheckpoint_IsNotMistakenForALostOne()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups", Answer.Fault(400, "[Cannot create the checkpoint]"));
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.Backups.StartAsync(Request() with { FromCheckpoint = null }, CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.BadRequest, failure.Error);
    }

    [Fact]
    public async Task BecomesReady_GivesTheNewCheckpoint()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET vms/{_vm}/backups/{_backup}", Answer.Json(Backup("initializing")), Answer.Json(Backup("starting")), Answer.Json(Backup("ready")));
        await using var client = engine.Connect(_time);

        var call = client.Backups.WaitUntilReadyAsync(_vm, _backup, consistencyRequired: false, CancellationToken.None);
        await _time.DriveAsync(call, TimeSpan.FromMilliseconds(100));

        Assert.Equal(_checkpoint, (await call).ToCheckpoint);
    }

    [Theory]
    [InlineData("failed", 10791, true, OvirtError.CheckpointUnusable)]
    [InlineData("failed", 10764, true, OvirtError.GuestNotFrozen)]
    [InlineData("failed", 10764, false, OvirtError.BackupFailed)]
    [InlineData("failed", 10792, true, OvirtError.BackupFailed)]
    [InlineData("finalizing", 10814, true, OvirtError.BackupFailed)]
    [InlineData(null, 10792, true, OvirtError.BackupFailed)]
    public async Task FailsBeforeReady_ReasonIsTheNewestEvent(string? phase, int code, bool consistencyRequired, OvirtError expected)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET vms/{_vm}/backups/{_backup}", phase is null ? Answer.NotFound : Answer.Json(Backup(phase)));
        engine.On(Events(), Event(code, "the reason"));
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.Backups.WaitUntilReadyAsync(_vm, _backup, consistencyRequired, CancellationToken.None)).WithinDeadline();

        Assert.Equal(expected, failure.Error);
        Assert.Contains("the reason", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NeverReady_TimesOutAndNamesThePhase()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET vms/{_vm}/backups/{_backup}", Backup("initializing"));
        await using var client = engine.Connect(_time);

        var call = client.Backups.WaitUntilReadyAsync(_vm, _backup, consistencyRequired: false, CancellationToken.None);
        await _time.DriveAsync(call, TimeSpan.FromMinutes(1));

        var failure = await Assert.ThrowsAsync<OvirtException>(() => call);
        Assert.Equal(OvirtError.Timeout, failure.Error);
        Assert.Contains("Initializing", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400, "[Cannot stop VM backup. The VM backup is already in 'SUCCEEDED' phase, no need to stop the backup again.]")]
    [InlineData(409, "[Cannot stop VM backup: The VM backup is not in READY phase, backup phase is initializing. A premature backup stop was initiated.]")]
    [InlineData(404, "")]
    public async Task FinalizedBeforeOrTooEarly_IsFine(int status, string detail)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups/{_backup}/finalize", Answer.Fault(status, detail));
        await using var client = engine.Connect();

        await client.Backups.FinalizeAsync(_vm, _backup, CorrelationId.New(), CancellationToken.None).WithinDeadline();

        Assert.Single(engine.Calls);
    }

    [Fact]
    public async Task TransferStillWindsDown_FinalizeIsRepeated()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On(
            $"POST vms/{_vm}/backups/{_backup}/finalize",
            Answer.Fault(409, "[Cannot stop VM backup. There is an active image transfer for VM backup]"),
            Answer.Fault(409, "[Cannot stop VM backup. There is an active image transfer for VM backup]"),
            Answer.Json("""{"status":"complete"}"""));
        await using var client = engine.Connect(_time, new EngineRetryOptions());

        var call = client.Backups.FinalizeAsync(_vm, _backup, CorrelationId.New(), CancellationToken.None);
        await _time.DriveAsync(call, TimeSpan.FromMilliseconds(200));
        await call;

        Assert.Equal(3, engine.Calls.Count);
    }

    [Fact]
    public async Task FinalizeBeforeReady_IsAnErrorThatEndsTheBackupAllTheSame()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups/{_backup}/finalize", Answer.Fault(409, "[The VM backup is not in READY phase, backup phase is STARTING]"));
        engine.On($"GET vms/{_vm}/backups/{_backup}", Answer.Json(Backup("finalizing")));
        await using var client = engine.Connect();

        await client.Backups.FinalizeAsync(_vm, _backup, CorrelationId.New(), CancellationToken.None).WithinDeadline();
    }

    [Fact]
    public async Task FinalizeRefusedAndBackupGoesOn_IsReported()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/backups/{_backup}/finalize", Answer.Fault(409, "[The VM backup is not in READY phase, backup phase is STARTING]"));
        engine.On($"GET vms/{_vm}/backups/{_backup}", Answer.Json(Backup("starting")));
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.Backups.FinalizeAsync(_vm, _backup, CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.Conflict, failure.Error);
    }

    [Theory]
    [InlineData("succeeded", 0, BackupOutcome.Succeeded, false)]
    [InlineData("failed", 10792, BackupOutcome.Failed, false)]
    [InlineData(null, 10793, BackupOutcome.Succeeded, true)]
    [InlineData(null, 10792, BackupOutcome.Failed, true)]
    [InlineData(null, 45, BackupOutcome.Failed, true)]
    public async Task Ends_OldEnginesTellByEvents(string? phase, int code, BackupOutcome expected, bool inferred)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET vms/{_vm}/backups/{_backup}", phase is null ? [Answer.Json(Backup("finalizing")), Answer.NotFound] : [Answer.Json(Backup(phase))]);
        engine.On(Events(), Event(code, "text"));
        await using var client = engine.Connect(_time);

        var call = client.Backups.WaitUntilEndedAsync(_vm, _backup, CancellationToken.None);
        await _time.DriveAsync(call, TimeSpan.FromMilliseconds(500));
        var end = await call;

        Assert.Equal(expected, end.Outcome);
        Assert.Equal(inferred, end.InferredFromEvents);
        Assert.Equal(expected == BackupOutcome.Failed, end.Reason is not null);
    }

    [Fact]
    public async Task CheckpointDeleted_WaitsUntilItIsGone()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var checkpoint = Answer.Json($$"""{"id":"{{_checkpoint}}","state":"created","creation_date":1472564909990}""");
        engine.On($"DELETE vms/{_vm}/checkpoints/{_checkpoint}", "{}");
        engine.On($"GET vms/{_vm}/checkpoints/{_checkpoint}", checkpoint, checkpoint, Answer.NotFound);
        await using var client = engine.Connect(_time);

        await client.Backups.DeleteCheckpointAsync(_vm, _checkpoint, CorrelationId.New(), CancellationToken.None).WithinDeadline();
        var call = client.Backups.WaitUntilCheckpointGoneAsync(_vm, _checkpoint, CancellationToken.None);
        await _time.DriveAsync(call, TimeSpan.FromMilliseconds(500));
        await call;

        Assert.Equal(3, engine.Count($"GET vms/{_vm}/checkpoints/{_checkpoint}"));
    }

    private StartBackup Request() => new() { Id = _backup, Vm = _vm, Disks = [_disk], FromCheckpoint = _checkpoint };

    private string Events() => $"GET events?search={_backup}&max=50";

    private static string Event(int code, string text) =>
        $$"""{"event":[{"id":"7","index":"7","code":"1","description":"older"},{"id":"9","index":"9","code":"{{code}}","description":"{{text}}","severity":"error","time":1472564909990}]}""";

    private string Backup(string phase) =>
        $$"""{"id":"{{_backup}}","phase":"{{phase}}","to_checkpoint_id":"{{_checkpoint}}","vm":{"id":"{{_vm}}"},"creation_date":1472564909990}""";
}
