// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Backup.Snapshots;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Asks the engine for the backup, or for the snapshot it is read from. Its id is the ledger intent's, so a start whose answer was lost is found, never repeated under another id.</summary>
internal sealed class StartBackupStep(
    IEngineDirectory engines, EngineLedger ledger, EngineCleanup cleanup, SnapshotBackup snapshots, WorkerClusters workers, Installation installation, ServerOptions options) : IJobStep
{
    // Whoever waits for longer than this, for a worker or the manager, may find the VM started or stopped, or with other disks.
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(1);

    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.StartingBackup;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        if (await AwaitWorkerAsync(context, cancellationToken) is { } nobody)
        {
            return nobody;
        }

        return TransportModes.UsesSnapshot(context.Job.Backup!.TransportMode) ? await snapshots.RequestAsync(context, cancellationToken) : await StartAsync(context, cancellationToken);
    }

    private async Task<StepResult> StartAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Backup!;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var owner = LedgerOwner.OfJob(job.ManagerId, job.Id);
        if (details.FailedBackupId is { } previous
            && await ledger.FindOpenAsync(LedgerKind.Backup, owner, cancellationToken) is { } old && old.Id == previous
            && await cleanup.EndBackupAsync(old, dropCheckpoint: true, cancellationToken) == CleanupResult.Waiting)
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        if (details.CheckpointLost && !await DropCheckpointsAsync(context, engine, cancellationToken))
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        var entry = await ledger.OpenAsync(LedgerKind.Backup, owner, job.VmId, cancellationToken);
        if (await engine.FindBackupAsync(job.VmId, entry.Id, cancellationToken) is null)
        {
            try
            {
                await engine.StartBackupAsync(StartOf(job, entry), cancellationToken);
            }
            catch (EngineException failure) when (!failure.IsPassing)
            {
                if (await engine.FindBackupAsync(job.VmId, entry.Id, cancellationToken) is null)
                {
                    await ledger.CloseAsync(entry, failure.Message, cancellationToken);
                    return BackupFallback.Decide(context, failure);
                }
            }
        }

        await ledger.ConfirmAsync(entry, entry.Id, cancellationToken);
        job.Backup = details with { EngineBackupId = entry.Id };
        return StepResult.Next(JobEvent.BackupRequested);
    }

    private EngineBackupStart StartOf(Job job, LedgerEntry entry)
    {
        var details = job.Backup!;
        var description = $"Backup by OvirtDistributed {EngineMarker.Of(installation.InstanceId, job.RepositoryId, job.Id)}";
        return new EngineBackupStart(
            job.VmId, entry.Id, entry.Id, details.Disks, details.Incremental ? details.FromCheckpointId : null, details.RequireConsistency, description);
    }

    /// <summary>
    /// Nothing is opened on the manager for a worker that may not come: it would grow there meanwhile. What is open already goes on, and an application that
    /// its pre-command has brought to rest is not kept so for longer than it takes a worker that is there to report: after a time without server or database none has yet.
    /// </summary>
    /// <exception cref="WorkerMissingException">There is none now.</exception>
    private async Task<StepResult?> AwaitWorkerAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        if ((await ledger.ListOpenAsync(job.Id, cancellationToken)).Count > 0)
        {
            return null;
        }

        try
        {
            await workers.RequireAsync(context.Database, $"VM {job.VmName} cannot be backed up", BackupCheck.NeedsOf(job.ClusterId, job.VmId, job.Backup!), cancellationToken);
            return context.InStep > Freshness && job.Backup is { Starts: 0 } and not { Commands.Pre: not null } ? StepResult.Next(JobEvent.Outdated) : null;
        }
        catch (WorkerMissingException missing) when (job.Backup!.Commands?.Pre is not null && context.FailingFor > options.HeartbeatInterval * 2)
        {
            return StepResult.Fail(missing.Message);
        }
    }

    /// <summary>A damaged checkpoint spoils the next start even of a full backup: ours are removed first.</summary>
    private async Task<bool> DropCheckpointsAsync(StepContext context, IEngine engine, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var ours = (await engine.ListCheckpointsAsync(job.VmId, cancellationToken))
            .Where(checkpoint => EngineMarker.IsOfRepository(checkpoint.Description, installation.InstanceId, job.RepositoryId))
            .ToList();
        foreach (var checkpoint in ours)
        {
            try
            {
                await engine.DeleteCheckpointAsync(job.VmId, checkpoint.Id, job.Id, cancellationToken);
            }
            catch (EngineException failure) when (!failure.IsPassing)
            {
                // The full backup may work all the same, and will be refused clearly where it does not.
                context.Warning($"checkpoint {checkpoint.Id} could not be deleted: {failure.Message}");
                return true;
            }
        }

        return ours.Count == 0;
    }
}
