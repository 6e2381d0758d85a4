// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

internal sealed class RepositoryAdminService(
    IDbContextFactory<ServerDbContext> contexts, RepositoryRegistry registry, RepositoryKeyring keyring, DamagedPoints damaged, LiveFigures live, IDataMover mover,
    TimeProvider time)
    : Wire.RepositoryService.RepositoryServiceBase
{
    public override async Task<Wire.AddRepositoryResponse> AddRepository(Wire.AddRepositoryRequest request, ServerCallContext context)
    {
        var (repository, created) = await registry.AddAsync(
            new RepositoryRequest(
                request.Name, request.MoverAddress, request.MoverRepository, request.Create, request.ChunkAverageBytes, !request.NoEncryption, request.ReplicaOf),
            context.CancellationToken);
        return new Wire.AddRepositoryResponse { Repository = await ReadAsync(repository.Id, context.CancellationToken), Created = created };
    }

    public override async Task<Wire.ListRepositoriesResponse> ListRepositories(Wire.ListRepositoriesRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var repositories = await database.Repositories.AsNoTracking().OrderBy(row => row.Name).ToListAsync(context.CancellationToken);
        var held = await database.RepositoryKeys.AsNoTracking().Select(row => row.KeySetId).ToListAsync(context.CancellationToken);
        var answers = await live.ReadAsync(repositories, context.CancellationToken);
        var now = time.GetUtcNow();
        return new Wire.ListRepositoriesResponse
        {
            Repositories = { repositories.Select(repository => Refreshed(ToWire(repository, held, repositories), answers.GetValueOrDefault(repository.Id), now)) },
        };
    }

    public override async Task<Wire.RemoveRepositoryResponse> RemoveRepository(Wire.RemoveRepositoryRequest request, ServerCallContext context)
    {
        var removed = await registry.RemoveAsync(request.Repository, request.ForgetPoints, context.CancellationToken);
        return removed is (var repository, var points)
            ? new Wire.RemoveRepositoryResponse { Removed = true, Repository = ToWire(repository, [], []), Points = points }
            : new Wire.RemoveRepositoryResponse();
    }

    public override async Task CollectGarbage(
        Wire.CollectGarbageRequest request, IServerStreamWriter<Wire.CollectGarbageResponse> responses, ServerCallContext context)
    {
        var repository = await ResolveAsync(request.Repository, context.CancellationToken);
        try
        {
            await foreach (var step in mover.CollectGarbageAsync(repository.Address(), request.DryRun, context.CancellationToken))
            {
                var answer = new Wire.CollectGarbageResponse { PacksDone = step.PacksDone, PacksTotal = step.PacksTotal, Report = step.Report };
                await responses.WriteAsync(answer, context.CancellationToken);
            }
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
    }

    public override async Task<Wire.ListDamagedPointsResponse> ListDamagedPoints(Wire.ListDamagedPointsRequest request, ServerCallContext context)
    {
        var repository = await ResolveAsync(request.Repository, context.CancellationToken);
        try
        {
            var points = await damaged.ListAsync(repository, context.CancellationToken);
            return new Wire.ListDamagedPointsResponse { Points = { points.Select(ToWire) } };
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
    }

    public override async Task<Wire.SetPointAsideResponse> SetPointAside(Wire.SetPointAsideRequest request, ServerCallContext context)
    {
        var moved = await damaged.SetAsideAsync(await ResolveAsync(request.Repository, context.CancellationToken), request.Point, context.CancellationToken);
        return new Wire.SetPointAsideResponse { PointId = moved.PointId, MovedTo = moved.MovedTo };
    }

    public override async Task<Wire.ListKeySlotsResponse> ListKeySlots(Wire.ListKeySlotsRequest request, ServerCallContext context)
    {
        var repository = await ResolveAsync(request.Repository, context.CancellationToken);
        var (slots, problems) = await keyring.ListAsync(repository, context.CancellationToken);
        return new Wire.ListKeySlotsResponse
        {
            KeySetId = repository.KeySetId?.ToString("D") ?? "",
            Slots = { slots.Select(slot => ToWire(slot.Slot, slot.Stored)) },
            Problems = { problems },
        };
    }

    public override async Task<Wire.AddKeySlotResponse> AddKeySlot(Wire.AddKeySlotRequest request, ServerCallContext context)
    {
        await keyring.AddAsync(await ResolveAsync(request.Repository, context.CancellationToken), request.Slot.Memory, context.CancellationToken);
        return new Wire.AddKeySlotResponse();
    }

    public override async Task<Wire.RemoveKeySlotResponse> RemoveKeySlot(Wire.RemoveKeySlotRequest request, ServerCallContext context)
    {
        var repository = await ResolveAsync(request.Repository, context.CancellationToken);
        var slotId = Guid.TryParse(request.SlotId, out var id) ? id : throw OperatorException.Invalid("slot_id", request.SlotId, $"give the id of a recovery key (ovd repository key list {repository.Name}).");
        return new Wire.RemoveKeySlotResponse { Removed = await keyring.RemoveAsync(repository, slotId, context.CancellationToken) };
    }

    public override async Task<Wire.ExportKeyResponse> ExportKey(Wire.ExportKeyRequest request, ServerCallContext context)
    {
        var key = await keyring.ExportAsync(await ResolveAsync(request.Repository, context.CancellationToken), context.CancellationToken);
        return new Wire.ExportKeyResponse { Key = ByteString.CopyFrom(key.Secret), KeySetId = key.KeySetId.ToString("D") };
    }

    public override async Task<Wire.ImportKeyResponse> ImportKey(Wire.ImportKeyRequest request, ServerCallContext context)
    {
        var repository = await ResolveAsync(request.Repository, context.CancellationToken);
        var keySet = Guid.TryParse(request.KeySetId, out var id) ? id : throw OperatorException.Invalid("key_set_id", request.KeySetId, "give the id of the key.");
        RepositoryKey key;
        try
        {
            key = new RepositoryKey(request.Key.Span, keySet);
        }
        catch (RepositoryException failure)
        {
            throw OperatorException.Invalid("key", $"{request.Key.Length} bytes", failure.Message);
        }

        await keyring.ImportAsync(repository, key, context.CancellationToken);
        return new Wire.ImportKeyResponse { Repository = await ReadAsync(repository.Id, context.CancellationToken) };
    }

    private async Task<StoredRepository> ResolveAsync(string text, CancellationToken cancellationToken)
    {
        await using var database = await contexts.CreateDbContextAsync(cancellationToken);
        var repositories = await database.Repositories.AsNoTracking().ToListAsync(cancellationToken);
        return NameLookup.Resolve(repositories, "repository", "repository", text, row => row.Name, row => row.Id);
    }

    private async Task<Wire.Repository> ReadAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var database = await contexts.CreateDbContextAsync(cancellationToken);
        var all = await database.Repositories.AsNoTracking().ToListAsync(cancellationToken);
        return ToWire(all.First(row => row.Id == id), await database.RepositoryKeys.AsNoTracking().Select(row => row.KeySetId).ToListAsync(cancellationToken), all);
    }

    private static Wire.DamagedPoint ToWire(DamagedPoint point) => new()
    {
        PointId = point.PointId,
        Path = point.Path,
        Problem = point.Problem,
        Manager = point.Known?.ManagerName ?? "",
        VmName = point.Known?.VmName ?? "",
        Created = point.Known?.Created.ToTimestamp(),
        LockedUntil = point.LockedUntil?.ToTimestamp(),
    };

    private static Wire.KeySlot ToWire(KeySlot slot, ReadOnlyMemory<byte> stored) => new()
    {
        Id = slot.Id.ToString("D"),
        Kind = slot.Describe(),
        Label = slot.Label,
        Created = slot.Created.ToTimestamp(),
        Stored = ByteString.CopyFrom(stored.Span),
    };

    /// <summary>With what the Data Mover says now, in place of what it said at the last look.</summary>
    private static Wire.Repository Refreshed(Wire.Repository repository, MoverRepositoryStatus? status, DateTimeOffset now)
    {
        if (status is null)
        {
            return repository;
        }

        (repository.State, repository.Problem) = (JobMessages.Words(RepositoryCondition.Ready.ToString()), "");
        (repository.Points, repository.StoredBytes, repository.FreeBytes) = (status.Points, status.StoredBytes, status.FreeBytes);
        (repository.Location, repository.KeySlots) = (status.Location, status.KeySlots);
        repository.AsOf = now.ToTimestamp();
        repository.Collected = status.Collected?.ToTimestamp();
        repository.CollectionProblems.AddRange(status.CollectionProblems);
        return repository;
    }

    private static Wire.Repository ToWire(StoredRepository repository, List<Guid> keysHeld, List<StoredRepository> all) => new()
    {
        Id = repository.Id.ToString("D"),
        Name = repository.Name,
        MoverAddress = repository.MoverAddress,
        MoverRepository = repository.MoverRepository,
        State = JobMessages.Words(repository.Condition.ToString()),
        Problem = repository.Problem,
        Points = repository.Points,
        StoredBytes = repository.StoredBytes,
        FreeBytes = repository.FreeBytes,
        Location = repository.Location,
        Encrypted = repository.KeySetId is not null,
        KeyHeld = repository.KeySetId is { } keySet && keysHeld.Contains(keySet),
        KeySlots = repository.KeySlots,
        AsOf = repository.Checked?.ToTimestamp(),
        ReplicaOf = all.Find(row => row.Id == repository.ReplicaOf)?.Name ?? "",
    };
}
