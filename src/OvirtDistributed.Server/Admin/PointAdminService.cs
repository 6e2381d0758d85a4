// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Threading.Channels;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Retention;
using OvirtDistributed.Server.Settings;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

internal sealed class PointAdminService(IDbContextFactory<ServerDbContext> contexts, PointReader reader, RepositoryKeys keys, PointRemoval removal, PointLocks locks, PointVerification verification) : Wire.PointService.PointServiceBase
{
    public override async Task<Wire.ListPointsResponse> ListPoints(Wire.ListPointsRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var repositories = await database.Repositories.AsNoTracking().ToListAsync(context.CancellationToken);
        var query = database.RestorePoints.AsNoTracking();
        if (request.Repository.Length > 0)
        {
            var repository = NameLookup.Resolve(repositories, "repository", "repository", request.Repository, row => row.Name, row => row.Id).Id;
            query = query.Where(point => point.RepositoryId == repository);
        }

        if (request.Vm.Length > 0)
        {
            var vmId = Guid.TryParse(request.Vm, out var id) ? id : Guid.Empty;
            var name = request.Vm.Replace("\\", "\\\\").Replace("%", "\\%").Replace("_", "\\_");
            query = query.Where(point => point.VmId == vmId || EF.Functions.ILike(point.VmName, name, "\\"));
        }

        var points = await query.OrderByDescending(point => point.Created).ToListAsync(context.CancellationToken);
        var names = repositories.ToDictionary(row => row.Id, row => row.Name);
        return new Wire.ListPointsResponse { Points = { points.Select(point => ToWire(point, names)) } };
    }

    public override async Task<Wire.GetPointResponse> GetPoint(Wire.GetPointRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var point = await PointLookup.ResolveAsync(database, "id", request.Id, context.CancellationToken);
        var repository = await database.Repositories.AsNoTracking().FirstAsync(row => row.Id == point.RepositoryId, context.CancellationToken);
        var message = ToWire(point, new Dictionary<Guid, string> { [repository.Id] = repository.Name });
        try
        {
            var manifest = await reader.FindAsync(repository, point.Id, context.CancellationToken)
                ?? throw new OperatorException(FailureKind.DataDamaged, $"Restore point {point.Id} is in the catalog but not in repository {repository.Name}.");
            message.SkippedDisks.AddRange(SkippedOf(manifest));
            message.Settings.AddRange(SettingsOf(manifest));
            message.Ovf = await reader.ReadOvfAsync(repository, manifest, context.CancellationToken);
        }
        catch (MoverException failure) when (failure.IsPassing || failure.Failure == MoverFailure.KeyMissing)
        {
            // What the catalog knows is shown all the same.
            message.Warnings.Add($"The OVF cannot be shown now: {failure.Message}");
        }
        catch (MoverException failure)
        {
            throw new OperatorException(FailureKind.DataDamaged, failure.Message, failure);
        }

        return new Wire.GetPointResponse { Point = message };
    }

    public override async Task<Wire.RemovePointResponse> RemovePoint(Wire.RemovePointRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var point = await PointLookup.ResolveAsync(database, "point", request.Point, context.CancellationToken);
        var repository = await database.Repositories.AsNoTracking().FirstAsync(row => row.Id == point.RepositoryId, context.CancellationToken);
        var others = await database.RestorePoints.CountAsync(
            row => row.ManagerId == point.ManagerId && row.VmId == point.VmId && row.Id != point.Id && row.Damage == "", context.CancellationToken);
        if (others == 0 && !request.AllowLast)
        {
            throw new OperatorException(
                FailureKind.WrongState, $"Restore point {point.Id} is the only good one of VM {point.VmName}: without it the VM has no backup. Ask for that explicitly (--last).");
        }

        var problem = await removal.RemoveAsync(point, repository, "an operator asked for it", context.CancellationToken);
        return problem.Length == 0
            ? new Wire.RemovePointResponse { PointId = point.Id }
            : throw new OperatorException(FailureKind.WrongState, $"Restore point {point.Id} was not removed: {problem}");
    }

    public override async Task<Wire.LockPointResponse> LockPoint(Wire.LockPointRequest request, ServerCallContext context)
    {
        if (request.Days < 1)
        {
            throw OperatorException.Invalid("days", $"{request.Days}", "give the length of the lock, 1 or more.");
        }

        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var point = await PointLookup.ResolveAsync(database, "point", request.Point, context.CancellationToken);
        var repository = await database.Repositories.AsNoTracking().FirstAsync(row => row.Id == point.RepositoryId, context.CancellationToken);
        try
        {
            var until = await locks.LockAsync(point, repository, TimeSpan.FromDays(request.Days), context.CancellationToken);
            return new Wire.LockPointResponse { PointId = point.Id, LockedUntil = until.ToTimestamp() };
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
    }

    public override async Task<Wire.VerifyPointResponse> VerifyPoint(Wire.VerifyPointRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var point = await PointLookup.ResolveAsync(database, "point", request.Point, context.CancellationToken);
        var repository = await database.Repositories.AsNoTracking().FirstAsync(row => row.Id == point.RepositoryId, context.CancellationToken);
        try
        {
            var result = await verification.VerifyAsync(point, repository, progress: null, context.CancellationToken);
            return new Wire.VerifyPointResponse { PointId = point.Id, Result = result, ContentProven = repository.KeySetId is null };
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
    }

    public override async Task WatchVerifyPoint(
        Wire.WatchVerifyPointRequest request, IServerStreamWriter<Wire.WatchVerifyPointResponse> responses, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var point = await PointLookup.ResolveAsync(database, "point", request.Point, context.CancellationToken);
        var repository = await database.Repositories.AsNoTracking().FirstAsync(row => row.Id == point.RepositoryId, context.CancellationToken);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);

        // Only the newest progress matters: a slow caller must not hold up the verification.
        var progress = Channel.CreateBounded<long>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        var verified = VerifyAsync(point, repository, progress.Writer, ends.Token);
        try
        {
            await foreach (var bytes in progress.Reader.ReadAllAsync(context.CancellationToken))
            {
                await responses.WriteAsync(new Wire.WatchVerifyPointResponse { CheckedBytes = bytes, SizeBytes = point.SizeBytes }, context.CancellationToken);
            }

            var result = new Wire.VerifyPointResponse { PointId = point.Id, Result = await verified, ContentProven = repository.KeySetId is null };
            await responses.WriteAsync(
                new Wire.WatchVerifyPointResponse { CheckedBytes = result.Result.CheckedBytes, SizeBytes = point.SizeBytes, Result = result }, context.CancellationToken);
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
        finally
        {
            await ends.CancelAsync();
            await ((Task)verified).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<Contracts.Mover.V1.VerifyPointResponse> VerifyAsync(
        RestorePoint point, StoredRepository repository, ChannelWriter<long> progress, CancellationToken cancellationToken)
    {
        try
        {
            return await verification.VerifyAsync(point, repository, bytes => progress.TryWrite(bytes), cancellationToken);
        }
        finally
        {
            progress.Complete();
        }
    }

    public override async Task<Wire.LocateDiskResponse> LocateDisk(Wire.LocateDiskRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var point = await PointLookup.ResolveAsync(database, "point", request.Point, context.CancellationToken);
        var disk = NameLookup.Resolve(point.Disks, "disk", $"disk in restore point {point.Id}", request.Disk, row => row.Alias, row => row.Id);
        var repository = await database.Repositories.AsNoTracking().FirstAsync(row => row.Id == point.RepositoryId, context.CancellationToken);
        var copies = await DiskCopies.FindAsync(database, keys, repository.Id, point.Id, disk.Id, context.CancellationToken);
        var key = await KeyAsync(repository, copies.Count > 0, context.CancellationToken);
        return new Wire.LocateDiskResponse
        {
            RepositoryKey = SecretOf(key),
            KeySetId = KeySetOf(key),
            Repository = repository.Name,
            MoverAddress = repository.MoverAddress,
            MoverRepository = repository.MoverRepository,
            PointId = point.Id,
            Disk = ToWire(disk),
            Root = RootOf(disk),
            Copies =
            {
                copies.Select(copy => new Wire.DiskCopy
                {
                    RepositoryKey = SecretOf(copy.Key),
                    KeySetId = KeySetOf(copy.Key),
                    Repository = copy.Repository,
                    MoverAddress = copy.Mover.Address,
                    MoverRepository = copy.Mover.Repository,
                    PointId = copy.PointId,
                    Root = RootOf(copy.Disk),
                }),
            },
        };
    }

    private static ByteString SecretOf(RepositoryKey? key) => ByteString.CopyFrom(key is null ? [] : key.Secret);

    private static string KeySetOf(RepositoryKey? key) => key?.KeySetId.ToString("D") ?? "";

    private static Contracts.Mover.V1.DiskRoot RootOf(RestorePointDisk disk) =>
        new() { Digest = ByteString.CopyFrom(disk.RootDigest), Levels = disk.RootLevels, SizeBytes = disk.SizeBytes };

    /// <param name="repository">Whose.</param>
    /// <param name="canDoWithout">Copies of the point are readable: a key that is not here is no reason to refuse.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<RepositoryKey?> KeyAsync(StoredRepository repository, bool canDoWithout, CancellationToken cancellationToken)
    {
        try
        {
            return await keys.RequireKeyAsync(repository, cancellationToken);
        }
        catch (MoverException failure) when (canDoWithout && failure.Failure == MoverFailure.KeyMissing)
        {
            return null;
        }
        catch (MoverException failure)
        {
            throw new OperatorException(FailureKind.WrongState, failure.Message, failure);
        }
    }

    private static Wire.RestorePoint ToWire(RestorePoint point, Dictionary<Guid, string> repositories)
    {
        var message = new Wire.RestorePoint
        {
            Id = point.Id,
            Manager = point.ManagerName,
            VmId = point.VmId.ToString("D"),
            VmName = point.VmName,
            Created = point.Created.ToTimestamp(),
            Repository = repositories.GetValueOrDefault(point.RepositoryId, ""),
            Mode = point.Incremental ? "incremental" : "full",
            ModeReason = point.ModeReason,
            TransportMode = point.TransportMode,
            Consistency = point.Consistency,
            JobId = point.JobId?.ToString("D") ?? "",
            TraceId = point.TraceId,
            SizeBytes = point.SizeBytes,
            StoredBytes = point.StoredBytes,
            ReadBytes = point.ReadBytes,
            Damaged = point.Damage.Length > 0,
        };
        message.LockedUntil = point.LockedUntil?.ToTimestamp();
        message.Disks.AddRange(point.Disks.Select(ToWire));
        if (point.Damage.Length > 0)
        {
            message.Warnings.Add($"damaged: {point.Damage} (found {point.Verified:u}; ovd point verify {point.Id} says which ranges, a copy or the next backup can heal them)");
        }

        message.Warnings.AddRange(point.Warnings);
        return message;
    }

    /// <summary>What the backup left out, by the names the disks had then.</summary>
    private static IEnumerable<Wire.SkippedPointDisk> SkippedOf(VmManifest manifest)
    {
        var vm = manifest.Properties.TryGetValue(PointFacts.Vm, out var known) ? JsonSerializer.Deserialize<EngineVm>(known, JsonColumn.Options) : null;
        return manifest.SkippedDisks
            .Select(disk => new Wire.SkippedPointDisk
            {
                Id = disk.Key,
                Alias = vm?.Disks.FirstOrDefault(candidate => candidate.Id.ToString("D") == disk.Key)?.Alias ?? "",
                Reason = disk.Value,
            })
            .OrderBy(disk => disk.Alias, StringComparer.Ordinal);
    }

    private static IEnumerable<Wire.PointSetting> SettingsOf(VmManifest manifest) =>
        SavedSettings.Describe(RestoreSettingsPlanner.MetadataOf(manifest) ?? new VmMetadata(), RestorePlanner.VmOf(manifest).Tags)
            .Select(setting => new Wire.PointSetting { Name = setting.Name, Value = setting.Value });

    private static Wire.PointDisk ToWire(RestorePointDisk disk) => new()
    {
        Id = disk.Id.ToString("D"),
        Alias = disk.Alias,
        SizeBytes = disk.SizeBytes,
        Format = disk.Format,
        Sparse = disk.Sparse,
        Interface = disk.Interface,
        Bootable = disk.Bootable,
        RootDigest = Convert.ToHexStringLower(disk.RootDigest),
        Mode = disk.Incremental ? "incremental" : "full",
    };
}
