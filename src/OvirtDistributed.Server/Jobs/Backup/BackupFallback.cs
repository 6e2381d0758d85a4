// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>What follows from an engine backup that did not start or did not become ready: once more in a plainer way, or the end.</summary>
internal static class BackupFallback
{
    // Incremental and consistent, then full or without consistency, then both: nothing plainer is left after that.
    private const int MaxStarts = 3;

    /// <summary>What most often helps where a guest could not be frozen.</summary>
    public const string AgentAdvice = "see that qemu-guest-agent is installed and runs in the guest";

    public static StepResult Decide(StepContext context, EngineException failure)
    {
        var job = context.Job;
        var details = job.Backup!;
        if (details.Starts + 1 >= MaxStarts)
        {
            return StepResult.Fail(failure.Message);
        }

        var required = details.ConsistencyRule == ConsistencyRules.Required;
        if (failure.Failure == EngineFailure.GuestNotFrozen && required)
        {
            return StepResult.Fail($"The guest's file systems could not be frozen, and consistency is required: {failure.Message.TrimEnd('.')}. Do one of two things: {AgentAdvice}, or ask for less (--consistency auto or crash).");
        }

        if (failure.Failure == EngineFailure.GuestNotFrozen && details.RequireConsistency)
        {
            job.Backup = details with { RequireConsistency = false, FailedBackupId = details.EngineBackupId, Starts = details.Starts + 1 };
            job.Note($"the guest's file systems could not be frozen: the restore point is crash-consistent; {AgentAdvice}");
            context.Warning($"started again without asking for consistency: {failure.Message}");
            return StepResult.Next(JobEvent.ConsistencyRefused);
        }

        // Any failure of an incremental may be the checkpoint's: bitmaps break without the engine knowing.
        var checkpointSuspected = failure.Failure is EngineFailure.CheckpointUnusable or EngineFailure.Failed;
        if (details.Incremental && checkpointSuspected)
        {
            job.Backup = details with
            {
                Incremental = false,
                CheckpointLost = true,
                FailedBackupId = details.EngineBackupId,
                FromCheckpointId = null,
                BasePointId = null,
                BaseDisks = [],
                ModeReason = $"checkpoint {details.FromCheckpointId} could not be used: {failure.Message}",
                Starts = details.Starts + 1,
            };
            job.Note($"full instead of incremental: {job.Backup.ModeReason}");
            context.Warning($"falls back to full: {job.Backup.ModeReason}");
            return StepResult.Next(JobEvent.CheckpointLost);
        }

        if (details.RequireConsistency && !required && failure.Failure == EngineFailure.Failed)
        {
            job.Backup = details with { RequireConsistency = false, FailedBackupId = details.EngineBackupId, Starts = details.Starts + 1 };
            context.Warning($"started again without asking for consistency: {failure.Message}");
            return StepResult.Next(JobEvent.ConsistencyRefused);
        }

        return StepResult.Fail(failure.Message);
    }
}
