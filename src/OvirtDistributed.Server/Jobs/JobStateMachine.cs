// SPDX-License-Identifier: Apache-2.0

using System.Collections.Frozen;
using static OvirtDistributed.Server.Jobs.JobEvent;
using static OvirtDistributed.Server.Jobs.JobState;

namespace OvirtDistributed.Server.Jobs;

/// <summary>
/// What a job does next. Every event is decided in every state: it moves the job, or it is ignored on purpose, because
/// redelivery and late reports are normal operation. No clock and no I/O here.
/// </summary>
internal sealed class JobStateMachine
{
    private readonly FrozenDictionary<(JobState State, JobEvent Event), JobState?> _table;

    private JobStateMachine(JobKind kind, Dictionary<(JobState State, JobEvent Event), JobState?> table)
    {
        Kind = kind;
        _table = table.ToFrozenDictionary();
        States = table.Keys.Select(key => key.State).ToFrozenSet();
    }

    /// <summary>
    /// prepare → (pre-command) → start → ready → (post-command) → copy → commit → finalize → prune; until the commit every way out leads through
    /// <see cref="Undoing"/>, and between the commands through <see cref="ReleasingGuest"/> before.
    /// By an export domain the copy follows on clone → export.
    /// </summary>
    public static JobStateMachine Backup { get; } = Define(JobKind.Backup, machine =>
    {
        machine.In(Preparing).On(Prepared, StartingBackup).On(PreparedWithCommands, RunningPreCommand).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(RunningPreCommand).On(PreCommandDone, StartingBackup).On(StepFailed, ReleasingGuest).On(CancelRequested, ReleasingGuest).IgnoreRest();
        machine.In(StartingBackup)
            .On(BackupRequested, AwaitingBackup).On(Outdated, Preparing).On(ConsistencyRefused, StartingBackup).On(CheckpointLost, StartingBackup)
            .On(StepFailed, ReleasingGuest).On(CancelRequested, ReleasingGuest).IgnoreRest();
        machine.In(AwaitingBackup)
            .On(BackupReady, Copying).On(SnapshotReady, CloningVm).On(BackupReadyWithCommand, RunningPostCommand).On(ConsistencyRefused, StartingBackup)
            .On(CheckpointLost, StartingBackup).On(StepFailed, ReleasingGuest).On(CancelRequested, ReleasingGuest).IgnoreRest();
        machine.In(RunningPostCommand)
            .On(PostCommandDone, Copying).On(SnapshotReady, CloningVm).On(StepFailed, ReleasingGuest).On(CancelRequested, ReleasingGuest).IgnoreRest();
        machine.In(ReleasingGuest).On(GuestReleased, Undoing).On(StepFailed, Undoing).IgnoreRest();
        machine.In(CloningVm).On(VmCloned, ExportingVm).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(ExportingVm).On(BackupReady, Copying).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(Copying).On(TasksDone, Committing).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();

        // From here on the point exists or may exist: cancelling would only hide it.
        machine.In(Committing).On(Committed, Finalizing).On(FramesMissing, Copying).On(StepFailed, Undoing).IgnoreRest();
        machine.In(Finalizing).On(BackupFinalized, PruningCheckpoints).On(FinalizeFailed, JobState.Warning).On(StepFailed, JobState.Warning).IgnoreRest();
        machine.In(PruningCheckpoints).On(CheckpointsPruned, JobState.Succeeded).On(StepFailed, JobState.Warning).IgnoreRest();
        machine.In(Undoing).On(Undone, JobState.Failed).On(UndoneAfterCancel, JobState.Cancelled).On(StepFailed, JobState.Failed).IgnoreRest();
        machine.Ends(JobState.Succeeded, JobState.Warning, JobState.Failed, JobState.Cancelled);
    });

    /// <summary>
    /// prepare → copy → create VM → complete VM → settings → start; nothing of a failed restore stays. Over the original: prepare → secure → prepare → copy →
    /// switch disks → start, and a switch that fails is turned back. In place: prepare → secure → prepare → release → copy → switch disks → start.
    /// </summary>
    public static JobStateMachine Restore { get; } = Define(JobKind.Restore, machine =>
    {
        machine.In(Preparing).On(Prepared, Copying).On(SafetyNeeded, SecuringVm).On(DiskToRelease, ReleasingDisk).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(ReleasingDisk).On(DiskReleased, Copying).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(SecuringVm).On(VmSecured, Preparing).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(Copying).On(TasksDone, CreatingVm).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(CreatingVm).On(VmCreated, CompletingVm).On(VmKept, SwitchingDisks).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(CompletingVm).On(VmCompleted, RestoringSettings).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();

        // The VM is complete: whatever becomes of its settings, it stays.
        machine.In(RestoringSettings).On(SettingsRestored, StartingVm).On(StepFailed, StartingVm).IgnoreRest();

        // Half of a VM's disks is worse than either: the switch goes to its end, or back.
        machine.In(SwitchingDisks).On(DisksSwitched, StartingVm).On(StepFailed, PuttingBack).IgnoreRest();
        machine.In(PuttingBack).On(DisksPutBack, Undoing).On(StepFailed, Undoing).IgnoreRest();

        // The VM is complete: a start that fails is a warning, never a reason to delete restored data.
        machine.In(StartingVm).On(VmStarted, JobState.Succeeded).On(StepFailed, JobState.Warning).IgnoreRest();
        machine.In(Undoing).On(Undone, JobState.Failed).On(UndoneAfterCancel, JobState.Cancelled).On(StepFailed, JobState.Failed).IgnoreRest();
        machine.Ends(JobState.Succeeded, JobState.Warning, JobState.Failed, JobState.Cancelled);
    });

    /// <summary>prepare → copy → commit; nothing of it is on the engine.</summary>
    public static JobStateMachine Copy { get; } = Define(JobKind.Copy, machine =>
    {
        machine.In(Preparing).On(Prepared, Copying).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(Copying).On(TasksDone, Committing).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(Committing).On(Committed, JobState.Succeeded).On(FramesMissing, Copying).On(StepFailed, Undoing).IgnoreRest();
        machine.In(Undoing).On(Undone, JobState.Failed).On(UndoneAfterCancel, JobState.Cancelled).On(StepFailed, JobState.Failed).IgnoreRest();
        machine.Ends(JobState.Succeeded, JobState.Failed, JobState.Cancelled);
    });

    /// <summary>prepare → read → write down.</summary>
    public static JobStateMachine Verify { get; } = Define(JobKind.Verify, machine =>
    {
        machine.In(Preparing).On(Prepared, Copying).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(Copying).On(TasksDone, Recording).On(StepFailed, Undoing).On(CancelRequested, Undoing).IgnoreRest();
        machine.In(Recording).On(Recorded, JobState.Succeeded).On(StepFailed, Undoing).IgnoreRest();
        machine.In(Undoing).On(Undone, JobState.Failed).On(UndoneAfterCancel, JobState.Cancelled).On(StepFailed, JobState.Failed).IgnoreRest();
        machine.Ends(JobState.Succeeded, JobState.Failed, JobState.Cancelled);
    });

    public JobKind Kind { get; }

    public FrozenSet<JobState> States { get; }

    public static JobStateMachine For(JobKind kind) => kind switch
    {
        JobKind.Backup => Backup,
        JobKind.Restore => Restore,
        JobKind.Copy => Copy,
        JobKind.Verify => Verify,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind of job."),
    };

    public static bool IsEnd(JobState state) => state is JobState.Succeeded or JobState.Warning or JobState.Failed or JobState.Cancelled;

    /// <summary>The state after <paramref name="jobEvent"/>, or null when the event is ignored in <paramref name="state"/>.</summary>
    /// <exception cref="InvalidOperationException">The machine has no such state.</exception>
    public JobState? Next(JobState state, JobEvent jobEvent) =>
        _table.TryGetValue((state, jobEvent), out var next)
            ? next
            : throw new InvalidOperationException($"A {Kind} job has no rule for event {jobEvent} in state {state}.");

    private static JobStateMachine Define(JobKind kind, Action<Builder> define)
    {
        var builder = new Builder();
        define(builder);
        return new JobStateMachine(kind, builder.Table);
    }

    private sealed class Builder
    {
        public Dictionary<(JobState State, JobEvent Event), JobState?> Table { get; } = [];

        public Row In(JobState state) => new(Table, state);

        public void Ends(params ReadOnlySpan<JobState> states)
        {
            foreach (var state in states)
            {
                In(state).IgnoreRest();
            }
        }
    }

    private sealed class Row(Dictionary<(JobState State, JobEvent Event), JobState?> table, JobState state)
    {
        public Row On(JobEvent jobEvent, JobState next)
        {
            table.Add((state, jobEvent), next);
            return this;
        }

        /// <summary>Duplicates and late reports: named here so that leaving one out is a decision.</summary>
        public void IgnoreRest()
        {
            foreach (var jobEvent in Enum.GetValues<JobEvent>())
            {
                table.TryAdd((state, jobEvent), null);
            }
        }
    }
}
