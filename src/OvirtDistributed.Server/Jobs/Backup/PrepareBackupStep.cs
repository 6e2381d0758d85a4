// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Reads the VM, chooses disks and decides between full and incremental.</summary>
internal sealed class PrepareBackupStep(
    IEngineDirectory engines, BackupPlanner planner, WorkerClusters workers, RepositoryKeys keys, IClusterQueues queues, InventoryCatalog inventory, MetadataReader metadata) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.Preparing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var repository = await context.Database.RepositoryOfAsync(job, cancellationToken);
        _ = await keys.RequireKeyAsync(repository, cancellationToken);
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var vm = await engine.FindVmAsync(job.VmId, cancellationToken);
        if (vm is null)
        {
            return StepResult.Fail($"VM {job.VmName} ({job.VmId}) does not exist on the manager any more.");
        }

        var cluster = await inventory.FindAsync<EngineCluster>(job.ManagerId, InventoryKind.Cluster, vm.ClusterId, cancellationToken)
            ?? throw new JobFailureException($"Cluster {vm.ClusterId} of VM {vm.Name} is not in the inventory: refresh it (ovd manager inventory --refresh).");
        var manager = await context.Database.Managers.AsNoTracking().FirstAsync(row => row.Id == job.ManagerId, cancellationToken);
        var presence = await workers.LookAsync(context.Database, cancellationToken);
        (job.Backup, var obstacle) = await BackupCheck.CheckAsync(context.Database, manager, vm, cluster, job.Backup!, presence, cancellationToken);
        switch (obstacle)
        {
            case { Kind: ObstacleKind.Settles }:
                throw new EngineException(EngineFailure.Locked, $"VM {vm.Name} is {vm.Status}; it can be backed up once it is up or down.");
            case { Kind: ObstacleKind.NoWorker }:
                throw new WorkerMissingException(obstacle.Sentence($"VM {vm.Name}"));
            case not null:
                return StepResult.Fail(obstacle.Sentence($"VM {vm.Name}"));
        }

        if (job.Backup.Export is { } export)
        {
            if (await ExportReach.ExplainInactiveAsync(engine, cluster, export.DomainId, export.DomainName, cancellationToken) is { } inactive)
            {
                return StepResult.Fail($"VM {vm.Name} cannot be backed up: {inactive}.");
            }

            await queues.DeclareAsync(export.WorkerClusterId, cancellationToken);
        }

        context.Info($"transport mode {job.Backup.TransportMode}: {job.Backup.TransportReason}");
        var plan = await planner.PlanAsync(
            context.Database, engine, new BackupSubject(job.ManagerId, job.VmId, repository), vm, cluster, job.Backup, cancellationToken);
        if (plan.Disks.FirstOrDefault(disk => disk.Status == "locked") is { } locked)
        {
            throw new EngineException(EngineFailure.Locked, $"Disk {locked.Alias} of VM {vm.Name} is locked.");
        }

        await queues.DeclareAsync(vm.ClusterId, cancellationToken);
        await WriteAsync(context, vm, plan, cancellationToken);
        await WriteMetadataAsync(context, vm, engine, cancellationToken);
        return StepResult.Next(job.Backup.Commands is null ? JobEvent.Prepared : JobEvent.PreparedWithCommands);
    }

    /// <summary>Disks are worth more than settings: a manager that does not tell them costs a warning.</summary>
    private async Task WriteMetadataAsync(StepContext context, EngineVm vm, IEngine engine, CancellationToken cancellationToken)
    {
        string missing;
        try
        {
            (var found, missing) = await metadata.FindAsync(context.Job.ManagerId, vm, engine, cancellationToken);
            if (found is not null)
            {
                await context.Database.PutDocumentAsync(context.Job.Id, JobDocument.Metadata, JsonSerializer.Serialize(found, JsonColumn.Options), cancellationToken);
            }
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            missing = $"the VM's settings beyond its OVF, NICs and tags are not in the restore point: {failure.Message}";
        }

        if (missing.Length > 0)
        {
            context.Job.Warn(missing);
            context.Warning(missing);
        }
    }

    private static async Task WriteAsync(StepContext context, EngineVm vm, BackupPlan plan, CancellationToken cancellationToken)
    {
        var job = context.Job;
        job.VmName = vm.Name;
        job.ClusterId = vm.ClusterId;
        job.PointId ??= Guid.NewGuid().ToString("N");
        job.Backup = job.Backup! with
        {
            Disks = [.. plan.Disks.Select(disk => disk.Id)],
            Skipped = plan.Skipped,
            Incremental = plan.Incremental,
            ModeReason = plan.ModeReason,
            FromCheckpointId = plan.FromCheckpointId,
            BasePointId = plan.BasePoint?.Id,
            BaseDisks = plan.BasePoint is null ? [] : [.. plan.BasePoint.Disks.Select(disk => disk.Id)],
            RawBaseDisks = plan.BasePoint is null ? [] : [.. plan.BasePoint.Disks.Where(disk => disk.Format == "raw").Select(disk => disk.Id)],
            RequireConsistency = vm.Status == "up" && job.Backup!.ConsistencyRule != ConsistencyRules.Crash,
        };
        await context.Database.PutDocumentAsync(job.Id, JobDocument.Vm, JsonSerializer.Serialize(vm, JsonColumn.Options), cancellationToken);
        context.Info(plan.Incremental ? $"incremental on restore point {plan.BasePoint!.Id}" : $"full: {plan.ModeReason}");
        if (plan.FellBack)
        {
            job.Note($"full instead of incremental: {plan.ModeReason}");
        }

        foreach (var disk in plan.Skipped)
        {
            var text = $"disk {disk.Alias} left out: {disk.Reason}";
            context.Info(text);
            if (disk.Expected)
            {
                job.Note(text);
            }
            else
            {
                job.Warn(text);
            }
        }
    }
}
