// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Verify;

/// <summary>Reads the point's manifest, with its authentication, and offers one task per disk.</summary>
internal sealed class PrepareVerifyStep(PointReader points, IClusterQueues queues, TaskSettlement settlement) : IJobStep
{
    public JobKind Kind => JobKind.Verify;

    public JobState State => JobState.Preparing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var repository = await context.Database.RepositoryOfAsync(job, cancellationToken);
        VmManifest? manifest;
        try
        {
            // What is no disk is read here: it is small, and without it no VM comes back.
            manifest = await points.FindAsync(repository, job.PointId!, cancellationToken);
            _ = manifest is null ? "" : await points.ReadOvfAsync(repository, manifest, cancellationToken);
        }
        catch (MoverException failure) when (failure.Failure == MoverFailure.Damaged)
        {
            await PointVerification.RecordAsync(context.Database, job, failure.Message, context.Now, cancellationToken);
            return StepResult.Fail(failure.Message);
        }

        if (manifest is null)
        {
            return StepResult.Fail($"Restore point {job.PointId} is not in repository {repository.Name} any more.");
        }

        await queues.DeclareAsync(job.ClusterId, cancellationToken);
        foreach (var disk in manifest.Disks)
        {
            var task = new DiskTask
            {
                Id = Guid.NewGuid(),
                JobId = job.Id,
                DiskId = Guid.Parse(disk.DiskId),
                DiskAlias = disk.Alias,
                SizeBytes = disk.Root.DiskSize,
                ClusterId = job.ClusterId,
                Offered = context.Now,
                Published = context.Now,
            };
            job.Tasks.Add(task);
            context.Database.Add(task);
            settlement.Offer(context, task);
        }

        return job.Tasks.Count > 0
            ? StepResult.Next(JobEvent.Prepared)
            : StepResult.Fail($"Restore point {job.PointId} holds no disk.");
    }
}
