// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
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
        var repository = await context.Database.RepositoryOfAsync(job, cancellationToken);
        try
        {
            return await ReadAsync(repository, details.PointId, cancellationToken);
        }
        catch (MoverException failure)
        {
            foreach (var (point, other) in await PointCopies.FindAsync(context.Database, repository.Id, details.PointId, cancellationToken))
            {
                if (await TryReadAsync(context, other, point.Id, cancellationToken) is not { } found)
                {
                    continue;
                }

                var note = $"Restored from the copy {point.Id} in repository {other.Name}, because {repository.Name} cannot be read: {failure.Message}";
                job.Note(note);
                context.Warning(note);
                job.RepositoryId = other.Id;
                job.PointId = point.Id;
                job.Restore = details with { PointId = point.Id };
                return found;
            }

            throw;
        }
    }

    private async Task<(VmManifest? Manifest, string Ovf)> ReadAsync(StoredRepository repository, string pointId, CancellationToken cancellationToken)
    {
        var manifest = await points.FindAsync(repository, pointId, cancellationToken);
        return manifest is null ? (null, "") : (manifest, await points.ReadOvfAsync(repository, manifest, cancellationToken));
    }

    /// <summary>Null when this copy cannot be read either.</summary>
    private async Task<(VmManifest? Manifest, string Ovf)?> TryReadAsync(StepContext context, StoredRepository repository, string pointId, CancellationToken cancellationToken)
    {
        try
        {
            var found = await ReadAsync(repository, pointId, cancellationToken);
            return found.Manifest is null ? null : found;
        }
        catch (MoverException failure)
        {
            context.Warning($"the copy {pointId} in repository {repository.Name} cannot be read either: {failure.Message}");
            return null;
        }
    }
}
