// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Copy;

/// <summary>Reads the point, finds an earlier one that both repositories have, and offers one task per disk.</summary>
internal sealed class PrepareCopyStep(PointReader points, IDataMover mover, IClusterQueues queues, TaskSettlement settlement) : IJobStep
{
    public JobKind Kind => JobKind.Copy;

    public JobState State => JobState.Preparing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Copy!;
        var source = await context.Database.Repositories.AsNoTracking().FirstOrDefaultAsync(row => row.Id == details.SourceRepositoryId, cancellationToken)
            ?? throw new JobFailureException($"The repository {details.SourceRepositoryId} that the point is in is not known any more.");
        var manifest = await points.FindAsync(source, details.SourcePointId, cancellationToken);
        if (manifest is null)
        {
            return StepResult.Fail($"Restore point {details.SourcePointId} is not in repository {source.Name} any more.");
        }

        if (manifest.Disks.Count == 0)
        {
            return StepResult.Fail($"Restore point {details.SourcePointId} holds no disk.");
        }

        var bases = await FindBaseAsync(context, manifest, cancellationToken);
        job.Copy = details with { SourceBasePointId = bases?.Source.Id, BasePointId = bases?.Copy.Id };
        context.Info(bases is { } found ? $"incremental: restore point {found.Source.Id} is there already as {found.Copy.Id}" : "full: no earlier restore point of the VM is there");
        await queues.DeclareAsync(job.ClusterId, cancellationToken);
        foreach (var disk in manifest.Disks)
        {
            var diskId = Guid.Parse(disk.DiskId);
            var task = new DiskTask
            {
                Id = Guid.NewGuid(),
                JobId = job.Id,
                DiskId = diskId,
                DiskAlias = disk.Alias,
                SizeBytes = disk.Root.DiskSize,
                ClusterId = job.ClusterId,
                Incremental = bases is { } pair && HasBase(pair.Source, diskId, disk) && HasBase(pair.Copy, diskId, disk),
                Offered = context.Now,
                Published = context.Now,
            };
            job.Tasks.Add(task);
            context.Database.Add(task);
            settlement.Offer(context, task);
        }

        return StepResult.Next(JobEvent.Prepared);
    }

    private static bool HasBase(RestorePoint point, Guid diskId, ManifestDisk disk) =>
        point.Disks.FirstOrDefault(candidate => candidate.Id == diskId) is { } found && found.SizeBytes <= disk.Root.DiskSize;

    /// <summary>The newest earlier point of the VM that is in the source and, as a copy, in the target.</summary>
    private async Task<(RestorePoint Source, RestorePoint Copy)?> FindBaseAsync(StepContext context, VmManifest manifest, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var created = manifest.Created.ToUniversalTime();
        var earlier = await context.Database.RestorePoints.AsNoTracking()
            .Where(point => point.RepositoryId == job.Copy!.SourceRepositoryId && point.ManagerId == job.ManagerId && point.VmId == job.VmId && point.Created < created)
            .OrderByDescending(point => point.Created)
            .ToListAsync(cancellationToken);
        var copies = await context.Database.RestorePoints.AsNoTracking()
            .Where(point => point.RepositoryId == job.RepositoryId && point.ManagerId == job.ManagerId && point.VmId == job.VmId)
            .ToDictionaryAsync(point => point.Id, StringComparer.Ordinal, cancellationToken);
        var target = await context.Database.RepositoryOfAsync(job, cancellationToken);
        foreach (var point in earlier)
        {
            if (copies.TryGetValue(CopyDetails.PointIdOf(point.Id, job.RepositoryId), out var copy)
                && await mover.FindPointAsync(target.Address(), copy.Id, cancellationToken) is not null)
            {
                return (point, copy);
            }
        }

        return null;
    }
}
