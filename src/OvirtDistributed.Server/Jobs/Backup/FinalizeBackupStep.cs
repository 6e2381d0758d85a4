// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Backup.Snapshots;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Ends the engine's backup and waits until it has ended. The restore point is safe whatever happens here.</summary>
internal sealed class FinalizeBackupStep(EngineLedger ledger, EngineCleanup cleanup, SnapshotBackup snapshots, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.Finalizing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        if (TransportModes.UsesSnapshot(job.Backup!.TransportMode))
        {
            return await snapshots.FinishAsync(context, cancellationToken);
        }

        var owner = LedgerOwner.OfJob(job.ManagerId, job.Id);
        if (await ledger.FindOpenAsync(LedgerKind.Backup, owner, cancellationToken) is not { } entry)
        {
            return StepResult.Next(JobEvent.BackupFinalized);
        }

        CleanupResult ended;
        try
        {
            // A transfer that was slow to end blocks the backup's end.
            foreach (var open in (await ledger.ListOpenAsync(job.Id, cancellationToken)).Where(open => open.Kind == LedgerKind.ImageTransfer))
            {
                await cleanup.EndTransferAsync(open, finish: true, cancellationToken);
            }

            ended = await cleanup.EndBackupAsync(entry, dropCheckpoint: false, cancellationToken);
        }
        catch (EngineException failure) when (context.FailingFor > options.StepPatience || !failure.IsPassing)
        {
            return Warn(job, failure.Message);
        }

        return ended switch
        {
            CleanupResult.Waiting when context.InStep > options.FinalizePatience =>
                Warn(job, $"the manager did not end the backup within {options.FinalizePatience}"),
            CleanupResult.Waiting => StepResult.WaitFor(options.PollInterval),
            CleanupResult.Failed => Warn(job, "the manager ended the backup as failed; the next one may have to be full"),
            _ => StepResult.Next(JobEvent.BackupFinalized),
        };
    }

    private static StepResult Warn(Job job, string problem)
    {
        job.Warn($"The restore point is good, but the manager's backup could not be ended: {problem.TrimEnd('.')}.");
        return StepResult.Next(JobEvent.FinalizeFailed);
    }
}
