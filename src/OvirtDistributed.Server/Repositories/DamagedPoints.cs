// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Repositories;

/// <summary>
/// Restore points whose manifests cannot be read. Nobody knows what they use, so garbage collection gives nothing back while they are there: an
/// operator restores them from a copy, or sets them aside.
/// </summary>
internal sealed partial class DamagedPoints(
    IDbContextFactory<ServerDbContext> contexts, IDataMover mover, RepositoryKeys keys, PointCatalog catalog, ILogger<DamagedPoints> logger)
{
    /// <summary>All of a repository, as its Data Mover and its key show them now.</summary>
    /// <exception cref="MoverException">The Data Mover's failures.</exception>
    public async Task<IReadOnlyList<DamagedPoint>> ListAsync(StoredRepository repository, CancellationToken cancellationToken)
    {
        var content = await keys.OfAsync(repository, cancellationToken);
        var damaged = new List<DamagedPoint>();
        await foreach (var point in mover.ListPointsAsync(repository.Address(), cancellationToken))
        {
            if (point.Problem.Length > 0)
            {
                damaged.Add(new DamagedPoint(point.PointId, point.Path, point.Problem, point.LockedUntil, IsUnauthentic: false));
            }
            else if (FindFault(point, content) is { } fault)
            {
                // A newer program's manifest is whole, whatever this one makes of it.
                var isNewer = fault.InnerException is RepositoryException { Error: RepositoryError.NewerFormat };
                damaged.Add(new DamagedPoint(point.PointId, point.Path, fault.Message, point.LockedUntil, IsUnauthentic: !isNewer));
            }
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var ids = damaged.Select(point => point.PointId).ToList();
        var known = await context.RestorePoints.AsNoTracking()
            .Where(row => row.RepositoryId == repository.Id && ids.Contains(row.Id)).ToDictionaryAsync(row => row.Id, StringComparer.Ordinal, cancellationToken);
        return [.. damaged.Select(point => point with { Known = known.GetValueOrDefault(point.PointId) })];
    }

    /// <summary>Sets one aside: what only it used is garbage from now on, its bytes stay in the repository under another name.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="text">The point's id, its first characters, or the name of its manifest.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperatorException">There is none, it can be read, is pinned, or the Data Mover refuses.</exception>
    public async Task<SetAsidePoint> SetAsideAsync(StoredRepository repository, string text, CancellationToken cancellationToken)
    {
        if (text.Length == 0)
        {
            throw OperatorException.Invalid("point", text, $"write the id of a restore point, or its first characters (ovd repository damaged {repository.Name}).");
        }

        try
        {
            var point = Find(await ListAsync(repository, cancellationToken), repository, text);
            await RequireNotPinnedAsync(repository, point, cancellationToken);
            var movedTo = await mover.SetPointAsideAsync(repository.Address(), point.Path, point.IsUnauthentic, cancellationToken);
            await catalog.RebuildAsync(repository, cancellationToken);
            Log.PointSetAside(logger, point.PointId, repository.Name, movedTo ?? "", point.Problem);
            return new SetAsidePoint(point.PointId, movedTo ?? "");
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
    }

    private static DamagedPoint Find(IReadOnlyList<DamagedPoint> damaged, StoredRepository repository, string text)
    {
        var found = damaged.Where(point => point.PointId.StartsWith(text, StringComparison.OrdinalIgnoreCase) || point.Path == text).ToList();
        if (found.Count == 0)
        {
            throw new OperatorException(
                FailureKind.NotFound,
                $"point '{text}': repository {repository.Name} has no such restore point that cannot be read (ovd repository damaged {repository.Name}). "
                + "One that can be read is removed by: ovd point remove.")
            { Fields = ["point"] };
        }

        var point = found.Count == 1 ? found[0] : found.Find(each => each.Path == text || each.PointId == text && found.Count(other => other.PointId == text) == 1)
            ?? throw OperatorException.Invalid("point", text, $"several begin like this, write the whole name of the manifest: {string.Join(", ", found.Select(each => each.Path))}.");
        return point.Path.Length > 0
            ? point
            : throw new OperatorException(FailureKind.WrongState, $"The Data Mover of repository {repository.Name} is of an older version, which cannot set a restore point aside: update it.");
    }

    private async Task RequireNotPinnedAsync(StoredRepository repository, DamagedPoint point, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.PointPins.AnyAsync(pin => pin.RepositoryId == repository.Id && pin.PointId == point.PointId, cancellationToken))
        {
            throw new OperatorException(FailureKind.WrongState, $"Restore point {point.PointId} is pinned: ovd point unpin {point.PointId}");
        }
    }

    private static MoverException? FindFault(ListedPoint point, ContentKeys content)
    {
        try
        {
            PointCatalog.Read(point.Manifest, content);
            return null;
        }
        catch (MoverException failure)
        {
            return failure;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Restore point {Point} of repository {Repository}, which cannot be read, was set aside as {Name}: {Problem}")]
        public static partial void PointSetAside(ILogger logger, string point, string repository, string name, string problem);
    }
}

/// <summary>A restore point whose manifest cannot be read.</summary>
/// <param name="PointId">Its id, as the manifest's name tells.</param>
/// <param name="Path">The manifest's name in the repository.</param>
/// <param name="Problem">Why it cannot be read.</param>
/// <param name="LockedUntil">It cannot be set aside before.</param>
/// <param name="IsUnauthentic">Only who has the key sees that something is wrong.</param>
internal sealed record DamagedPoint(string PointId, string Path, string Problem, DateTimeOffset? LockedUntil, bool IsUnauthentic)
{
    /// <summary>What the catalog remembers of it; null when it never saw it whole.</summary>
    public RestorePoint? Known { get; init; }
}

/// <param name="PointId">The point.</param>
/// <param name="MovedTo">Its manifest's name now.</param>
internal sealed record SetAsidePoint(string PointId, string MovedTo);
