// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Copy;

/// <summary>Makes the copied disks a restore point of the target, with everything the source's manifest says.</summary>
internal sealed class CommitCopyStep(IDataMover mover, PointReader points, PointCatalog catalog, RepositoryKeys keys) : IJobStep
{
    private const int MostRefusals = 3;

    public JobKind Kind => JobKind.Copy;

    public JobState State => JobState.Committing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Copy!;
        var target = await context.Database.RepositoryOfAsync(job, cancellationToken);
        var source = await context.Database.Repositories.AsNoTracking().FirstOrDefaultAsync(row => row.Id == details.SourceRepositoryId, cancellationToken)
            ?? throw new JobFailureException($"The repository {details.SourceRepositoryId} that the point is in is not known any more.");
        var manifest = await points.FindAsync(source, details.SourcePointId, cancellationToken);
        if (manifest is null)
        {
            return StepResult.Fail($"Restore point {details.SourcePointId} was removed from repository {source.Name} before its copy was complete.");
        }

        var built = await BuildAsync(job, source, target, manifest, cancellationToken);
        CommittedPoint point;
        try
        {
            point = await mover.CommitAsync(target.Address(), job.Id, built, cancellationToken);
        }
        catch (MoverException failure) when (failure.Failure == MoverFailure.MissingFrames && details.RefusedCommits < MostRefusals)
        {
            job.Copy = details with { RefusedCommits = details.RefusedCommits + 1 };
            return CommitRefusal.SendAgain(context, failure.Message);
        }

        job.PointId = point.PointId;
        await catalog.PutAsync(context.Database, target, built.Stored, point.LockedUntil, cancellationToken);
        context.Info($"restore point {details.SourcePointId} of repository {source.Name} is copied as {point.PointId}");
        return StepResult.Next(JobEvent.Committed);
    }

    private async Task<BuiltManifest> BuildAsync(Job job, StoredRepository source, StoredRepository target, VmManifest manifest, CancellationToken cancellationToken)
    {
        var content = await keys.RequireAsync(target, cancellationToken);
        var ovf = await points.ReadOvfAsync(source, manifest, cancellationToken);
        var blob = ovf.Length == 0 ? null : MetadataFrame.Create(PointFacts.Ovf, "application/xml", Encoding.UTF8.GetBytes(ovf), content);
        var tasks = job.Tasks.ToDictionary(task => task.DiskId.ToString("D"), StringComparer.Ordinal);
        var copy = manifest with
        {
            PointId = CopyDetails.PointIdOf(manifest.PointId, target.Id),
            JobId = job.Id.ToString("D"),

            // The engine's checkpoints go with the points of the source.
            CheckpointId = null,
            FromCheckpointId = null,
            Disks = [.. manifest.Disks.Select(disk => DiskOf(job, disk, tasks[Guid.Parse(disk.DiskId).ToString("D")]))],
            Blobs = blob is null ? [] : [blob.Blob],
            TraceId = ManifestBuilder.TraceIdOf(job.TraceParent),
            Statistics = new Dictionary<string, long>(manifest.Statistics) { [PointFacts.Stored] = job.Tasks.Sum(task => task.StoredBytes) },
            Properties = new Dictionary<string, string>(manifest.Properties)
            {
                [PointFacts.ModeReason] = $"copy of {manifest.PointId} in {source.Name}",
                [PointFacts.CopyOf] = manifest.PointId,
                [PointFacts.CopyFrom] = source.RepositoryUid,
            },
        };
        return new BuiltManifest(ManifestCodec.Write(copy, content), blob is null ? [] : [blob.Frame]);
    }

    private static ManifestDisk DiskOf(Job job, ManifestDisk disk, DiskTask task) => disk with
    {
        TaskId = task.Id.ToString("D"),
        Root = new DiskRoot(
            new ChunkDigest(task.RootDigest ?? throw new InvalidOperationException($"Task {task.Id} is done without a root.")), task.RootLevels, task.RootSizeBytes),
        BasePointId = task.Incremental ? job.Copy!.BasePointId : null,
    };
}
