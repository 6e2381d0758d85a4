// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Catalog;

/// <summary>Keeps the table of restore points in step with the manifests of the repositories, which are the truth.</summary>
internal sealed partial class PointCatalog(IDbContextFactory<ServerDbContext> contexts, IDataMover mover, RepositoryKeys keys, ILogger<PointCatalog> logger)
{
    // The database keeps microseconds, the repository more.
    private static readonly TimeSpan LockPrecision = TimeSpan.FromMilliseconds(1);

    /// <summary>Adds or replaces a point; saved with <paramref name="context"/>. Idempotent.</summary>
    public async Task PutAsync(
        ServerDbContext context, StoredRepository repository, ReadOnlyMemory<byte> manifest, DateTimeOffset? lockedUntil, CancellationToken cancellationToken)
    {
        var point = ToPoint(repository.Id, Read(manifest, await keys.OfAsync(repository, cancellationToken)));
        point.LockedUntil = lockedUntil?.ToUniversalTime();
        await PutAsync(context, point, cancellationToken);
    }

    private static async Task PutAsync(ServerDbContext context, RestorePoint point, CancellationToken cancellationToken)
    {
        if (await context.RestorePoints.FindAsync([point.RepositoryId, point.Id], cancellationToken) is { } found)
        {
            (point.Verified, point.Damage, point.LockedUntil) = (found.Verified, found.Damage, point.LockedUntil ?? found.LockedUntil);
            context.Entry(found).CurrentValues.SetValues(point);
            found.Disks = point.Disks;
        }
        else
        {
            context.RestorePoints.Add(point);
        }
    }

    /// <summary>Makes the table equal to what the repository holds.</summary>
    /// <returns>Points that could be read.</returns>
    public async Task<int> RebuildAsync(StoredRepository repository, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var content = await keys.OfAsync(repository, cancellationToken);
        var known = (await context.RestorePoints.Where(point => point.RepositoryId == repository.Id).Select(point => point.Id).ToListAsync(cancellationToken))
            .ToHashSet(StringComparer.Ordinal);
        var nameless = (await context.RestorePoints.Where(point => point.RepositoryId == repository.Id && point.VmName == "").Select(point => point.Id).ToListAsync(cancellationToken))
            .ToHashSet(StringComparer.Ordinal);
        var locks = await context.RestorePoints.Where(point => point.RepositoryId == repository.Id && point.LockedUntil != null)
            .ToDictionaryAsync(point => point.Id, point => point.LockedUntil!.Value, StringComparer.Ordinal, cancellationToken);
        var listed = 0;
        await foreach (var found in mover.ListPointsAsync(new MoverAddress(repository.MoverAddress, repository.MoverRepository), cancellationToken))
        {
            // A point that cannot be read now is no point that is gone: what is known of it stays.
            var isKnown = known.Remove(found.PointId);
            var lockedUntil = found.LockedUntil?.ToUniversalTime();
            if (isKnown && lockedUntil is { } until && !(locks.TryGetValue(found.PointId, out var seen) && (seen - until).Duration() < LockPrecision))
            {
                await context.RestorePoints.Where(row => row.RepositoryId == repository.Id && row.Id == found.PointId)
                    .ExecuteUpdateAsync(set => set.SetProperty(row => row.LockedUntil, lockedUntil), cancellationToken);
            }

            if (found.Problem.Length > 0)
            {
                Log.ManifestUnreadable(logger, found.PointId, repository.Name, found.Problem);
                continue;
            }

            try
            {
                var point = ToPoint(repository.Id, Read(found.Manifest, content));
                if (!isKnown)
                {
                    point.LockedUntil = lockedUntil;
                    context.RestorePoints.Add(point);
                }
                else if (nameless.Contains(point.Id) && point.VmName.Length > 0)
                {
                    // It was listed while the key was missing.
                    await PutAsync(context, point, cancellationToken);
                }

                listed++;
            }
            catch (Exception failure) when (failure is MoverException { Failure: MoverFailure.Damaged } or FormatException or JsonException)
            {
                // One manifest that cannot be read must not hide the others.
                Log.ManifestUnreadable(logger, found.PointId, repository.Name, failure.Message);
            }
        }

        try
        {
            await context.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return listed; // a commit, or another reader, listed one of them at this moment: the next look finds what is still missing
        }

        await context.RestorePoints.Where(point => point.RepositoryId == repository.Id && known.Contains(point.Id)).ExecuteDeleteAsync(cancellationToken);
        return listed;
    }

    /// <exception cref="MoverException">The manifest is damaged.</exception>
    public static VmManifest Read(ReadOnlyMemory<byte> manifest, ContentKeys keys)
    {
        try
        {
            return ManifestCodec.Read("manifest", manifest.Span, keys);
        }
        catch (RepositoryException failure)
        {
            throw new MoverException(MoverFailure.Damaged, $"The manifest of the restore point cannot be read: {failure.Message}", failure);
        }
    }

    private static RestorePoint ToPoint(Guid repositoryId, VmManifest manifest) => new()
    {
        Id = manifest.PointId,
        RepositoryId = repositoryId,
        ManagerId = Guid.Parse(manifest.ManagerId),
        ManagerName = manifest.Properties.GetValueOrDefault(PointFacts.ManagerName, ""),
        VmId = Guid.Parse(manifest.VmId),
        VmName = manifest.VmName,
        ClusterId = Guid.TryParse(manifest.Properties.GetValueOrDefault(PointFacts.ClusterId), out var cluster) ? cluster : null,
        Created = manifest.Created.ToUniversalTime(),
        Incremental = manifest.Kind == PointKind.Incremental,
        ModeReason = manifest.FallbackReason ?? manifest.Properties.GetValueOrDefault(PointFacts.ModeReason, ""),
        TransportMode = manifest.TransportMode ?? "",
        CopyOf = manifest.Properties.GetValueOrDefault(PointFacts.CopyOf, ""),
        Consistency = NameOf(manifest.Consistency),
        JobId = Guid.TryParse(manifest.JobId, out var job) ? job : null,
        TraceId = manifest.TraceId ?? "",
        CheckpointId = Guid.TryParse(manifest.CheckpointId, out var checkpoint) ? checkpoint : null,
        SizeBytes = manifest.Disks.Sum(disk => disk.Root.DiskSize),
        StoredBytes = manifest.Statistics.GetValueOrDefault(PointFacts.Stored),
        ReadBytes = manifest.Statistics.GetValueOrDefault(PointFacts.Read),
        Warnings = manifest.Properties.TryGetValue(PointFacts.Warnings, out var warnings)
            ? JsonSerializer.Deserialize<string[]>(warnings, JsonColumn.Options) ?? []
            : [],
        Disks = [.. manifest.Disks.Select(ToDisk)],
    };

    private static RestorePointDisk ToDisk(ManifestDisk disk) => new()
    {
        Id = Guid.Parse(disk.DiskId),
        Alias = disk.Alias,
        SizeBytes = disk.Root.DiskSize,
        Format = disk.Format ?? "cow",
        Sparse = disk.Sparse ?? true,
        Interface = disk.Interface ?? "virtio_scsi",
        Bootable = disk.Bootable,
        RootDigest = disk.Root.Digest.ToArray(),
        RootLevels = disk.Root.Levels,
        Incremental = disk.Kind == PointKind.Incremental,
    };

    private static string NameOf(PointConsistency consistency) => consistency switch
    {
        PointConsistency.CrashConsistent => PointConsistencyNames.Crash,
        PointConsistency.FileSystemConsistent => PointConsistencyNames.FileSystem,
        PointConsistency.PoweredOff => PointConsistencyNames.PoweredOff,
        _ => PointConsistencyNames.Unknown,
    };
}
