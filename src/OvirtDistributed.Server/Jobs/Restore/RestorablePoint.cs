// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Reads the point of a restore: from its own repository or, where that cannot be read, from a copy, which the job then restores from.</summary>
internal sealed class RestorablePoint(PointReader points)
{
    /// <returns>The manifest and the OVF; no manifest when the repository has no such point.</returns>
    /// <exception cref="MoverException">Neither the repository nor a copy can be read: the failure of the repository.</exception>
    public async Task<(VmManifest? Manifest, string Ovf)> FindAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Restore!;
        var found = await FindAsync(context.Database, job.RepositoryId, details.PointId, details.NeedsOvf(), cancellationToken);
        found.Unreadable.ToList().ForEach(problem => context.Warning(problem));
        if (found.Copy is { } copy)
        {
            var note = $"Restored from the copy {copy.PointId} in repository {copy.Repository.Name}, because {copy.Reason}";
            job.Note(note);
            context.Warning(note);
            job.RepositoryId = copy.Repository.Id;
            job.PointId = copy.PointId;
            job.Restore = details with { PointId = copy.PointId };
        }

        return (found.Manifest, found.Ovf);
    }

    /// <summary>The same for who has no job: says which copy was read instead.</summary>
    /// <param name="database">What is known.</param>
    /// <param name="repositoryId">The point's own repository.</param>
    /// <param name="pointId">The point.</param>
    /// <param name="withOvf">False: the OVF is not wanted, and a point that has lost it is as good as any.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="MoverException">Neither the repository nor a copy can be read: the failure of the repository.</exception>
    public async Task<FoundPoint> FindAsync(ServerDbContext database, Guid repositoryId, string pointId, bool withOvf, CancellationToken cancellationToken)
    {
        var repository = await database.Repositories.AsNoTracking().FirstOrDefaultAsync(row => row.Id == repositoryId, cancellationToken)
            ?? throw new MoverException(MoverFailure.NotFound, $"Repository {repositoryId} is not known any more.");
        try
        {
            var (manifest, ovf) = await ReadAsync(repository, pointId, withOvf, cancellationToken);
            return new FoundPoint(manifest, ovf);
        }
        catch (MoverException failure)
        {
            var unreadable = new List<string>();
            foreach (var (point, other) in await PointCopies.FindAsync(database, repository.Id, pointId, cancellationToken))
            {
                if (await TryReadAsync(unreadable, other, point.Id, withOvf, cancellationToken) is { } found)
                {
                    return new FoundPoint(found.Manifest, found.Ovf)
                    {
                        Copy = new PointSubstitute(other, point.Id, $"{repository.Name} cannot be read: {failure.Message}"),
                        Unreadable = unreadable,
                    };
                }
            }

            throw;
        }
    }

    private async Task<(VmManifest? Manifest, string Ovf)> ReadAsync(StoredRepository repository, string pointId, bool withOvf, CancellationToken cancellationToken)
    {
        var manifest = await points.FindAsync(repository, pointId, cancellationToken);
        return manifest is null || !withOvf ? (manifest, "") : (manifest, await points.ReadOvfAsync(repository, manifest, cancellationToken));
    }

    /// <summary>Null when this copy cannot be read either.</summary>
    private async Task<(VmManifest? Manifest, string Ovf)?> TryReadAsync(
        List<string> unreadable, StoredRepository repository, string pointId, bool withOvf, CancellationToken cancellationToken)
    {
        try
        {
            var found = await ReadAsync(repository, pointId, withOvf, cancellationToken);
            return found.Manifest is null ? null : found;
        }
        catch (MoverException failure)
        {
            unreadable.Add($"the copy {pointId} in repository {repository.Name} cannot be read either: {failure.Message}");
            return null;
        }
    }
}

/// <param name="Manifest">Null when the repository has no such point.</param>
/// <param name="Ovf">Empty when the point has none.</param>
internal sealed record FoundPoint(VmManifest? Manifest, string Ovf)
{
    /// <summary>The copy that was read, where the point's own repository could not be.</summary>
    public PointSubstitute? Copy { get; init; }

    /// <summary>Copies that could not be read either.</summary>
    public IReadOnlyList<string> Unreadable { get; init; } = [];
}

internal sealed record PointSubstitute(StoredRepository Repository, string PointId, string Reason);
