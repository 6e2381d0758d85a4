// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Copy;

/// <summary>Turns a request to copy restore points into jobs, or says at once why it cannot work.</summary>
internal sealed class CopyAdmission(IDbContextFactory<ServerDbContext> contexts, JobAdmission jobs, WorkerClusters clusters)
{
    /// <summary>One job per point, in the order of their moments, so that a later one can build on the copy of an earlier one.</summary>
    /// <exception cref="OperatorException">The request cannot work.</exception>
    public async Task<IReadOnlyList<Guid>> AdmitAsync(CopyRequest request, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var key = RequestKey.Of(request.RequestId, request);
        if (await JobAdmission.FindHandledAsync(context, key, cancellationToken) is { } handled)
        {
            return handled;
        }

        if (request.Points.Count == 0)
        {
            throw OperatorException.Invalid("points", "", "name at least one restore point (ovd point list).");
        }

        if (request.BytesPerSecond < 0)
        {
            throw OperatorException.Invalid("bytes_per_second", $"{request.BytesPerSecond}", "give a limit above 0, or 0 for none.");
        }

        if (request.Repository.Length == 0)
        {
            throw OperatorException.Invalid("repository", "", "name the repository to copy to.");
        }

        var repositories = await context.Repositories.AsNoTracking().ToListAsync(cancellationToken);
        var target = NameLookup.Resolve(repositories, "repository", "repository", request.Repository, row => row.Name, row => row.Id);
        var points = new List<RestorePoint>();
        foreach (var text in request.Points.Distinct(StringComparer.Ordinal))
        {
            var point = await PointLookup.ResolveAsync(context, "points", text, cancellationToken);
            await RefuseAsync(context, point, target, cancellationToken);
            points.Add(point);
        }

        var admitted = new List<Job>();
        foreach (var point in points.DistinctBy(point => point.Id).OrderBy(point => point.Created))
        {
            var cluster = await clusters.ChooseAsync(context, point, request.Cluster, cancellationToken);
            var job = jobs.NewJob(JobKind.Copy, point.ManagerId, point.VmId, point.VmName, target.Id, cluster, row => row.Copy = new CopyDetails
            {
                SourceRepositoryId = point.RepositoryId,
                SourcePointId = point.Id,
                BytesPerSecond = request.BytesPerSecond,
            });
            admitted.Add(job);
        }

        return await jobs.SaveAsync(context, admitted, key, cancellationToken);
    }

    private static async Task RefuseAsync(ServerDbContext context, RestorePoint point, StoredRepository target, CancellationToken cancellationToken)
    {
        if (point.RepositoryId == target.Id)
        {
            throw OperatorException.Invalid("repository", target.Name, $"restore point {point.Id} is in it already; name another one.");
        }

        var copyId = CopyDetails.PointIdOf(point.Id, target.Id);
        if (await context.RestorePoints.AnyAsync(row => row.RepositoryId == target.Id && row.Id == copyId, cancellationToken))
        {
            throw new OperatorException(FailureKind.AlreadyExists, $"Restore point {point.Id} is in repository {target.Name} already, as {copyId}.");
        }

        // Read as rows: what a copy was asked is a document of its own.
        var running = await context.Jobs.AsNoTracking()
            .Where(job => job.Kind == JobKind.Copy && job.Outcome == JobOutcome.Running && job.RepositoryId == target.Id && job.VmId == point.VmId)
            .ToListAsync(cancellationToken);
        if (running.Find(job => job.Copy?.SourcePointId == point.Id) is { } other)
        {
            throw new OperatorException(FailureKind.WrongState, $"Restore point {point.Id} is being copied to repository {target.Name} already, by job {other.Id}.");
        }
    }
}

/// <summary>What an operator asked.</summary>
internal sealed record CopyRequest(IReadOnlyList<string> Points, string Repository, long BytesPerSecond, string Cluster, string RequestId);
