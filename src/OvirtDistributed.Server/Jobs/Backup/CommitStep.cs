// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Builds the manifest and makes it a restore point: one atomic step at the Data Mover, idempotent by job.</summary>
internal sealed class CommitStep(IDataMover mover, RepositoryKeys keys, ManifestBuilder manifests, PointCatalog catalog, RepositoryMonitor monitor) : IJobStep
{
    private const int MostRefusals = 3;

    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.Committing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var repository = await context.Database.RepositoryOfAsync(job, cancellationToken);
        var manifest = await manifests.BuildAsync(context, await keys.RequireAsync(repository, cancellationToken), cancellationToken);
        CommittedPoint point;
        try
        {
            point = await mover.CommitAsync(repository.Address(), job.Id, manifest, cancellationToken);
        }
        catch (MoverException failure) when (failure.Failure == MoverFailure.MissingFrames && job.Backup!.RefusedCommits < MostRefusals)
        {
            job.Backup = job.Backup! with { RefusedCommits = job.Backup.RefusedCommits + 1 };
            return CommitRefusal.SendAgain(context, failure.Message);
        }

        // The repository's own copy is what counts: a repeated commit answers the first one's point.
        var stored = await mover.FindPointAsync(repository.Address(), point.PointId, cancellationToken)
            ?? throw new MoverException(MoverFailure.Damaged, $"The Data Mover committed point {point.PointId} but does not find it.");
        job.PointId = point.PointId;
        await catalog.PutAsync(context.Database, repository, stored, point.LockedUntil, cancellationToken);
        context.Info($"restore point {point.PointId} committed");
        try
        {
            await monitor.RefreshFiguresAsync(repository, cancellationToken);
        }
        catch (MoverException)
        {
            // Only what is shown of the repository: the monitor's next round reads it again.
        }

        return StepResult.Next(JobEvent.Committed);
    }
}
