// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs.Backup.Snapshots;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Waits until the engine's backup or our snapshot is ready, reads what only then is known, and offers one task per disk.</summary>
internal sealed class AwaitBackupStep(
    IEngineDirectory engines, TaskSettlement settlement, SnapshotBackup snapshots, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.AwaitingBackup;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Backup!;
        if (TransportModes.UsesSnapshot(details.TransportMode))
        {
            return await snapshots.AwaitAsync(context, cancellationToken);
        }

        var backupId = details.EngineBackupId ?? throw new InvalidOperationException($"Job {job.Id} awaits a backup it never requested.");
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var backup = await engine.FindBackupAsync(job.VmId, backupId, cancellationToken);
        switch (backup?.Phase)
        {
            case EngineBackupPhase.Ready when backup.ThroughSnapshot && details is { RequireConsistency: true, ConsistencyRule: ConsistencyRules.Required }:
                return StepResult.Fail(
                    "The manager made the backup through a snapshot of its own and does not tell whether the guest's file systems were frozen, and consistency is required: "
                    + "ask for --consistency freeze, which takes a snapshot under our own freeze, or for less (auto or crash).");
            case EngineBackupPhase.Ready:
                await OfferTasksAsync(context, engine, backup, cancellationToken);
                return StepResult.Next(details.WhenReady());
            case EngineBackupPhase.Starting when context.InStep <= options.BackupReadyPatience:
                return StepResult.WaitFor(options.PollInterval);
            case EngineBackupPhase.Starting:
                return StepResult.Fail($"The manager did not make the backup ready within {options.BackupReadyPatience}.");
            default:
                var failure = await engine.ExplainBackupFailureAsync(job.VmId, backupId, details.RequireConsistency, cancellationToken);
                return BackupFallback.Decide(context, failure);
        }
    }

    private async Task OfferTasksAsync(StepContext context, IEngine engine, EngineBackup backup, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Backup!;
        var vm = JsonSerializer.Deserialize<EngineVm>(
            await context.Database.DocumentAsync(job.Id, JobDocument.Vm, cancellationToken), JsonColumn.Options)!;
        var modes = await engine.ListBackupDisksAsync(job.VmId, backup.Id, cancellationToken);
        var ovf = await engine.ReadOvfAsync(job.VmId, cancellationToken);
        await context.Database.PutDocumentAsync(job.Id, JobDocument.Ovf, ovf, cancellationToken);
        BackupTasks.Offer(
            context, settlement, vm, details, "the backup", disk => modes.Count == 0 || modes.ContainsKey(disk.Id) ? new TakenDisk(modes.GetValueOrDefault(disk.Id)) : null);
        job.Backup = details with
        {
            ToCheckpointId = backup.ToCheckpointId,
            PointInTime = backup.Created ?? context.Now,
            Consistency = ConsistencyOf(vm, backup, details),
            ConsistencyDetail = vm.Status == "down" ? PointConsistencyNames.DetailOfStopped(details) : details.ConsistencyDetail,
            Starts = details.Starts + 1,
        };
    }

    /// <summary>A backup through the engine's own snapshot does not pass the wish for consistency on, so nothing is known.</summary>
    private static string ConsistencyOf(EngineVm vm, EngineBackup backup, BackupDetails details) =>
        vm.Status == "down" ? PointConsistencyNames.OfStopped(details)
        : backup.ThroughSnapshot ? PointConsistencyNames.Unknown
        : details.RequireConsistency ? PointConsistencyNames.FileSystem
        : PointConsistencyNames.Crash;
}
