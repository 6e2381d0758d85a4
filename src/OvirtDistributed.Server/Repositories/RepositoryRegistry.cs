// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Repositories;

/// <summary>Makes repositories known: asks the Data Mover first, stores only what works, and reads its restore points into the catalog.</summary>
internal sealed class RepositoryRegistry(
    IDbContextFactory<ServerDbContext> contexts, IDataMover mover, RepositoryKeys keys, PointCatalog catalog, RepositoryMonitor monitor, TimeProvider time)
{
    /// <exception cref="OperatorException">It cannot be added.</exception>
    public async Task<(StoredRepository Repository, bool Created)> AddAsync(RepositoryRequest request, CancellationToken cancellationToken)
    {
        var (name, moverAddress, moverRepository) = (request.Name, request.MoverAddress, request.MoverRepository);
        Check(request);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Repositories.AnyAsync(row => row.Name == name, cancellationToken))
        {
            throw new OperatorException(FailureKind.AlreadyExists, $"name '{name}' is taken by another repository: choose another.") { Fields = ["name"] };
        }

        var address = new MoverAddress(moverAddress, moverRepository.Length > 0 ? moverRepository : name);
        try
        {
            var original = await FindOriginalAsync(context, request.ReplicaOf, cancellationToken);
            var (status, created) = await OpenAsync(address, request, original, cancellationToken);
            var repository = new StoredRepository
            {
                Id = await IdOfAsync(context, status.RepositoryUid, cancellationToken),
                Name = name,
                MoverAddress = moverAddress,
                MoverRepository = address.Repository,
                RepositoryUid = status.RepositoryUid,
                Location = status.Location,
                KeySetId = status.Encryption?.KeySetId,
                KeySlots = status.KeySlots,
                ReplicaOf = original?.Id,
                Created = time.GetUtcNow(),
            };
            context.Repositories.Add(repository);
            await context.SaveChangesAsync(cancellationToken);
            await catalog.RebuildAsync(repository, cancellationToken);
            await monitor.CheckAsync(repository, cancellationToken);
            return (repository, created);
        }
        catch (MoverException failure)
        {
            throw new OperatorException(KindOf(failure), $"mover_address '{moverAddress}': {failure.Message}", failure) { Fields = ["mover_address"] };
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            throw new OperatorException(FailureKind.AlreadyExists, $"The repository behind {moverAddress} is known already under another name.", failure);
        }
    }

    /// <summary>Forgets a repository. Everything in it stays, and so does its key here.</summary>
    /// <param name="text">Name or id.</param>
    /// <param name="forgetPoints">Also when the catalog lists points in it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What was forgotten, and how many points; null when there was none.</returns>
    /// <exception cref="OperatorException">Jobs use it, or it has points and they were not to be forgotten.</exception>
    public async Task<(StoredRepository Repository, int Points)?> RemoveAsync(string text, bool forgetPoints, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await FindAsync(context, text, cancellationToken) is not { } repository)
        {
            return null;
        }

        await RefuseWhileUsedAsync(context, repository, cancellationToken);
        var points = await context.RestorePoints.CountAsync(point => point.RepositoryId == repository.Id, cancellationToken);
        if (points > 0 && !forgetPoints)
        {
            var pins = await context.PointPins.CountAsync(pin => pin.RepositoryId == repository.Id, cancellationToken);
            throw new OperatorException(
                FailureKind.WrongState,
                $"repository '{repository.Name}' has {points} restore point(s){(pins > 0 ? $", {pins} of them pinned" : "")}. They stay in it and come back when it is added again, "
                + "but without it nobody lists, verifies or restores them here, and their pins are lost: say so with --forget-points.");
        }

        await context.Repositories.Where(row => row.Id == repository.Id).ExecuteDeleteAsync(cancellationToken);
        return (repository, points);
    }

    private static async Task<StoredRepository?> FindAsync(ServerDbContext context, string text, CancellationToken cancellationToken)
    {
        try
        {
            return text.Length == 0
                ? throw OperatorException.Invalid("repository", text, "write the name or id of a repository (ovd repository list).")
                : NameLookup.Resolve(await context.Repositories.AsNoTracking().ToListAsync(cancellationToken), "repository", "repository", text, row => row.Name, row => row.Id);
        }
        catch (OperatorException failure) when (failure.Kind == FailureKind.NotFound)
        {
            return null;
        }
    }

    private static async Task RefuseWhileUsedAsync(ServerDbContext context, StoredRepository repository, CancellationToken cancellationToken)
    {
        var running = await context.Jobs.AsNoTracking().Where(job => job.Outcome == JobOutcome.Running).ToListAsync(cancellationToken);
        var users = running.FindAll(job => job.RepositoryId == repository.Id || job.Copy?.SourceRepositoryId == repository.Id);
        if (users.Count > 0)
        {
            throw new OperatorException(
                FailureKind.WrongState, $"repository '{repository.Name}' is used by {users.Count} running job(s), the first is {users[0].Id}: wait for them, or cancel them.");
        }
    }

    /// <summary>
    /// The id a repository carries in itself, so that one that was removed and is added again is the same: checkpoints on managers and copies in other
    /// repositories name it.
    /// </summary>
    private static async Task<Guid> IdOfAsync(ServerDbContext context, string repositoryUid, CancellationToken cancellationToken) =>
        Guid.TryParse(repositoryUid, out var id) && !await context.Repositories.AnyAsync(row => row.Id == id, cancellationToken) ? id : Guid.NewGuid();

    private async Task<(MoverRepositoryStatus Status, bool Created)> OpenAsync(
        MoverAddress address, RepositoryRequest request, StoredRepository? original, CancellationToken cancellationToken)
    {
        var status = await mover.ReadStatusAsync(address, cancellationToken);
        var created = false;
        if (original is not null)
        {
            // Also one that exists: the Data Mover then says whether it fits.
            created = await CreateReplicaAsync(address, original, cancellationToken);
            status = await mover.ReadStatusAsync(address, cancellationToken);
        }
        else if (!status.Exists)
        {
            if (!request.Create)
            {
                throw new OperatorException(
                    FailureKind.WrongState, $"Repository '{address.Repository}' has not been created at {status.Location} yet: ask to create it (--create).");
            }

            (created, var key) = await CreateAsync(address, request.ChunkAverageBytes, request.Encrypt, cancellationToken);
            status = await mover.ReadStatusAsync(address, cancellationToken);
            RequireEncrypted(address, status, key);
        }

        return status.Ready
            ? (status, created)
            : throw new OperatorException(FailureKind.Unavailable, $"Repository '{address.Repository}' cannot be used now: {status.Problem}");
    }

    /// <summary>The key is kept first: whatever happens after, nothing can be encrypted with a key that nobody has.</summary>
    private async Task<(bool Created, RepositoryKey? Key)> CreateAsync(
        MoverAddress address, int chunkAverageBytes, bool encrypt, CancellationToken cancellationToken)
    {
        if (!encrypt)
        {
            return (await mover.CreateRepositoryAsync(address, new NewRepository(chunkAverageBytes, Encryption: null), cancellationToken), null);
        }

        var key = RepositoryKey.Generate();
        await keys.PutAsync(key, cancellationToken);
        try
        {
            return (await mover.CreateRepositoryAsync(address, new NewRepository(chunkAverageBytes, key.Describe()), cancellationToken), key);
        }
        catch (MoverException failure) when (failure.Failure is MoverFailure.Refused or MoverFailure.Full)
        {
            // Said no, and so made nothing. After a lost answer the key stays: the repository may exist.
            await keys.DropUnusedAsync(key.KeySetId, cancellationToken);
            throw;
        }
    }

    /// <summary>What was to be encrypted and is not must never be taken for it.</summary>
    private static void RequireEncrypted(MoverAddress address, MoverRepositoryStatus status, RepositoryKey? key)
    {
        if (key is not null && status.Ready && status.Encryption != key.Describe())
        {
            throw new OperatorException(
                FailureKind.WrongState,
                $"Repository '{address.Repository}' was to be created with encryption under key set {key.KeySetId}, but the Data Mover says that it is "
                + $"{(status.Encryption is { } other ? $"under key set {other.KeySetId}" : "not encrypted")}: look at what is at {status.Location} before you use it.");
        }
    }

    /// <summary>Same key, same cutting, same recipients of the key.</summary>
    private async Task<bool> CreateReplicaAsync(MoverAddress address, StoredRepository original, CancellationToken cancellationToken)
    {
        var source = await mover.ReadStatusAsync(original.Address(), cancellationToken);
        if (source.Parameters is not { } parameters)
        {
            throw new OperatorException(
                FailureKind.Unavailable, $"Repository {original.Name} does not say how it was made ({source.Problem}): open it, and update its Data Mover if it is of an older version.");
        }

        var created = await mover.CreateRepositoryAsync(address, new NewRepository(0, source.Encryption, parameters), cancellationToken);
        foreach (var slot in created && source.Encryption is not null ? (await mover.ListKeySlotsAsync(original.Address(), cancellationToken)).Stored : [])
        {
            await mover.AddKeySlotAsync(address, slot, cancellationToken);
        }

        return created;
    }

    private static async Task<StoredRepository?> FindOriginalAsync(ServerDbContext context, string text, CancellationToken cancellationToken) => text.Length == 0
        ? null
        : NameLookup.Resolve(
            await context.Repositories.AsNoTracking().ToListAsync(cancellationToken), "replica_of", "repository", text, row => row.Name, row => row.Id);

    private static void Check(RepositoryRequest request)
    {
        var (name, chunkAverageBytes) = (request.Name, request.ChunkAverageBytes);
        if (request.ReplicaOf.Length > 0 && (!request.Create || chunkAverageBytes != 0 || !request.Encrypt))
        {
            throw OperatorException.Invalid(
                "replica_of", request.ReplicaOf, "a replica is created (create), and takes the size of its chunks and its encryption from that repository: leave these out.");
        }

        if (name.Length is 0 or > 100)
        {
            throw OperatorException.Invalid("name", name, "use 1 to 100 characters.");
        }

        if (chunkAverageBytes is not (0 or 131_072 or 262_144))
        {
            throw OperatorException.Invalid("chunk_average_bytes", chunkAverageBytes.ToString(), "use 131072 (128 KiB), 262144 (256 KiB, for very large repositories) or 0.");
        }
    }

    private static FailureKind KindOf(MoverException failure) => failure.Failure switch
    {
        MoverFailure.Unreachable => FailureKind.Unavailable,
        MoverFailure.NotFound => FailureKind.NotFound,
        MoverFailure.Full => FailureKind.Exhausted,
        MoverFailure.Damaged => FailureKind.DataDamaged,
        _ => FailureKind.InvalidInput,
    };
}

/// <summary>What an operator asks.</summary>
/// <param name="Name">In this installation.</param>
/// <param name="MoverAddress">Of its Data Mover.</param>
/// <param name="MoverRepository">Its name there; empty = <paramref name="Name"/>.</param>
/// <param name="Create">Make it where there is none.</param>
/// <param name="ChunkAverageBytes">Of a new one; 0 = the usual.</param>
/// <param name="Encrypt">Whether a new one is encrypted.</param>
/// <param name="ReplicaOf">Name or id of the repository it becomes a replica of; empty for one of its own.</param>
internal sealed record RepositoryRequest(
    string Name, string MoverAddress, string MoverRepository, bool Create, int ChunkAverageBytes, bool Encrypt, string ReplicaOf = "");
