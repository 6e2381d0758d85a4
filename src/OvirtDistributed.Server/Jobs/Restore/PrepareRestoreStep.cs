// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Reads the point, decides disks, allocation and NICs, and offers one task per disk.</summary>
internal sealed class PrepareRestoreStep(
    IEngineDirectory engines, RestorablePoint restorable, RestorePlanner planner, WorkerClusters workers, IClusterQueues queues, TaskSettlement settlement, Installation installation,
    ServerOptions options) : IJobStep
{
    private static readonly TimeSpan PowerOffPatience = TimeSpan.FromMinutes(2);

    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.Preparing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var (manifest, ovf) = await restorable.FindAsync(context, cancellationToken);
        var details = job.Restore!;
        if (manifest is null)
        {
            return StepResult.Fail($"Restore point {details.PointId} is not in its repository any more.");
        }

        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        if (await FindNamesakeAsync(job, engine, cancellationToken) is { } taken)
        {
            return StepResult.Fail($"A VM named '{details.NewName}' exists already ({taken}): choose another name.");
        }

        var plan = await planner.PlanAsync(job.ManagerId, manifest, details, engine, cancellationToken);
        if (plan.Problems.Count > 0)
        {
            return StepResult.Fail(string.Join(" ", plan.Problems));
        }

        // Before a VM is powered off and disks are made for somebody who may not come.
        await workers.RequireAsync(context.Database, $"VM {details.NewName} cannot be restored now", [details.Need()], cancellationToken);
        if (details.RewritesVm() && await MakeReadyAsync(context, plan, engine, cancellationToken) is { } first)
        {
            return first;
        }

        if (details.Export is not null && ExportOvf.ExplainUnusable(ovf) is { } unusable)
        {
            return StepResult.Fail($"Restore point {manifest.PointId} cannot be imported: {unusable}. Restore it in another transport mode (--mode).");
        }

        await queues.DeclareAsync(details.WorkerCluster(), cancellationToken);
        Offer(context, plan);
        await context.Database.PutDocumentAsync(job.Id, JobDocument.Vm, JsonSerializer.Serialize(plan.Vm, JsonColumn.Options), cancellationToken);
        await context.Database.PutDocumentAsync(job.Id, JobDocument.Ovf, ovf, cancellationToken);
        await context.Database.PutDocumentAsync(job.Id, JobDocument.Settings, JsonSerializer.Serialize(plan.Settings, JsonColumn.Options), cancellationToken);
        job.PointId = manifest.PointId;
        return StepResult.Next(details.Scope == RestoreScope.InPlace ? JobEvent.DiskToRelease : JobEvent.Prepared);
    }

    private async Task<Guid?> FindNamesakeAsync(Job job, IEngine engine, CancellationToken cancellationToken)
    {
        if (job.Restore!.Scope != RestoreScope.NewVm)
        {
            return null;
        }

        var sameName = await engine.FindVmsByNameAsync(job.Restore.NewName, cancellationToken);
        return sameName.FirstOrDefault(found => !EngineMarker.IsOfJob(found.Description, installation.InstanceId, job.Id))?.Id;
    }

    /// <summary>The VM that is overwritten is off and, unless the operator said otherwise, backed up as it is; null when it is.</summary>
    private async Task<StepResult?> MakeReadyAsync(StepContext context, RestorePlan plan, IEngine engine, CancellationToken cancellationToken)
    {
        var (job, details, target) = (context.Job, context.Job.Restore!, plan.Target!);
        if (target.Status != "down")
        {
            if (!details.PoweredOff)
            {
                await engine.StopVmAsync(target.Id, job.Id, cancellationToken);
                job.Restore = details with { PoweredOff = true, PoweredOffAt = context.Now };
                context.Info($"VM {target.Name} is powered off");
                return StepResult.WaitFor(options.PollInterval);
            }

            return context.Now - details.PoweredOffAt < PowerOffPatience
                ? StepResult.WaitFor(options.PollInterval)
                : StepResult.Fail($"VM {target.Name} is still {target.Status} {PowerOffPatience} after it was powered off: look at it on the manager.");
        }

        if (details is { SafetyPoint: true, Secured: false })
        {
            return StepResult.Next(JobEvent.SafetyNeeded);
        }

        if (details.SafetyPoint)
        {
            var safety = await context.Database.Jobs.AsNoTracking().FirstOrDefaultAsync(row => row.Id == details.SafetyJobId, cancellationToken);
            var lost = plan.Disks.Select(disk => disk.Replaces).OfType<ReplacedDisk>().Where(old => safety?.Backup?.Disks.Contains(old.DiskId) != true).Select(old => old.Alias).ToList();
            return lost.Count == 0 ? null : StepResult.Fail(
                $"The safety point does not hold {string.Join(", ", lost)}, which would be replaced (ovd job show {details.SafetyJobId} says why): VM {target.Name} was left as it is. Do without one with --no-safety-point.");
        }

        const string Unsafe = "no safety point was made: what the VM's disks held before cannot be brought back from here";
        job.Note(Unsafe);
        context.Warning(Unsafe);
        return null;
    }

    private void Offer(StepContext context, RestorePlan plan)
    {
        var job = context.Job;
        job.Restore = job.Restore! with { NicPlan = plan.Nics, Settings = plan.Settings.Outcomes, Replaced = [.. plan.Disks.Select(disk => disk.Replaces).OfType<ReplacedDisk>()] };
        foreach (var note in plan.Notes)
        {
            job.Note(note);
            context.Info(note);
        }

        foreach (var disk in plan.Disks)
        {
            var task = new DiskTask
            {
                Id = Guid.NewGuid(),
                JobId = job.Id,
                DiskId = Guid.Parse(disk.Disk.DiskId),
                DiskAlias = disk.Alias,
                SizeBytes = disk.Plan.InPlaceSizeBytes ?? disk.Disk.Root.DiskSize,
                ClusterId = job.Restore.WorkerCluster(),
                Plan = disk.Plan,
                Offered = context.Now,
                Published = context.Now,
            };
            job.Tasks.Add(task);
            context.Database.Add(task);
            if (disk.Plan.InPlaceDiskId is null)
            {
                settlement.Offer(context, task);
            }
        }
    }
}
