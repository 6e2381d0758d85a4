// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Jobs.Verify;

/// <summary>Turns a request to verify restore points, or one that has become due, into jobs.</summary>
internal sealed class VerifyAdmission(IDbContextFactory<ServerDbContext> contexts, JobAdmission jobs, WorkerClusters clusters)
{
    /// <summary>One job per point; a point that is being verified already is answered with its job.</summary>
    /// <exception cref="OperatorException">The request cannot work.</exception>
    public async Task<IReadOnlyList<Guid>> AdmitAsync(VerifyRequest request, CancellationToken cancellationToken)
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

        var points = new List<RestorePoint>();
        foreach (var text in request.Points.Distinct(StringComparer.Ordinal))
        {
            points.Add(await PointLookup.ResolveAsync(context, "points", text, cancellationToken));
        }

        var running = new List<Guid>();
        var admitted = new List<Job>();
        foreach (var point in points.DistinctBy(point => (point.RepositoryId, point.Id)))
        {
            var found = await context.Jobs.AsNoTracking()
                .Where(job => job.Kind == JobKind.Verify && job.Outcome == JobOutcome.Running && job.RepositoryId == point.RepositoryId && job.PointId == point.Id)
                .Select(job => (Guid?)job.Id).FirstOrDefaultAsync(cancellationToken);
            if (found is { } id)
            {
                running.Add(id);
                continue;
            }

            var cluster = await clusters.ChooseAsync(context, point, request.Cluster, cancellationToken);
            var details = new VerifyDetails { BytesPerSecond = request.BytesPerSecond, Scheduled = request.Scheduled, Repair = request.Repair };
            var job = jobs.NewJob(JobKind.Verify, point.ManagerId, point.VmId, point.VmName, point.RepositoryId, cluster, row => row.Verify = details);
            job.PointId = point.Id;
            admitted.Add(job);
        }

        return admitted.Count == 0 ? running : [.. running, .. await jobs.SaveAsync(context, admitted, key, cancellationToken)];
    }
}

/// <summary>What is asked.</summary>
internal sealed record VerifyRequest(IReadOnlyList<string> Points, long BytesPerSecond, string Cluster, string RequestId, bool Scheduled = false, bool Repair = false);
