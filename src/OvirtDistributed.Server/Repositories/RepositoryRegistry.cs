// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Repositories;

/// <summary>Makes repositories known: asks the Data Mover first, stores only what works, and reads its restore points into the catalog.</summary>
internal sealed class RepositoryRegistry(
    IDbContextFactory<ServerDbContext> contexts, IDataMover mover, RepositoryKeys keys, PointCatalog catalog, RepositoryMonitor monitor, TimeProvider time)
{
    /// <exception cref="OperatorException">It cannot be added.</exception>
    public async Task<(StoredRepository Repository, bool Created)> AddAsync(
        string name, string moverAddress, string moverRepository, bool create, int chunkAverageBytes, bool encrypt, CancellationToken cancellationToken)
    {
        Check(name, chunkAverageBytes);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Repositories.AnyAsync(row => row.Name == name, cancellationToken))
        {
            throw new OperatorException(FailureKind.AlreadyExists, $"name '{name}' is taken by another repository: choose another.");
        }

        var address = new MoverAddress(moverAddress, moverRepository.Length > 0 ? moverRepository : name);
        try
        {
            var (status, created) = await OpenAsync(address, create, chunkAverageBytes, encrypt, cancellationToken);
            var repository = new StoredRepository
            {
                Id = Guid.NewGuid(),
                Name = name,
                MoverAddress = moverAddress,
                MoverRepository = address.Repository,
                RepositoryUid = status.RepositoryUid,
                Location = status.Location,
                KeySetId = status.Encryption?.KeySetId,
                KeySlots = status.KeySlots,
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
            throw new OperatorException(KindOf(failure), $"mover_address '{moverAddress}': {failure.Message}", failure);
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            throw new OperatorException(FailureKind.AlreadyExists, $"The repository behind {moverAddress} is known already under another name.", failure);
        }
    }

    private async Task<(MoverRepositoryStatus Status, bool Created)> OpenAsync(
        MoverAddress address, bool create, int chunkAverageBytes, bool encrypt, CancellationToken cancellationToken)
    {
        var status = await mover.ReadStatusAsync(address, cancellationToken);
        var created = false;
        if (!status.Exists)
        {
            if (!create)
            {
                throw new OperatorException(
                    FailureKind.WrongState, $"Repository '{address.Repository}' has not been created at {status.Location} yet: ask to create it (--create).");
            }

            (created, var key) = await CreateAsync(address, chunkAverageBytes, encrypt, cancellationToken);
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
            return (await mover.CreateRepositoryAsync(address, chunkAverageBytes, encryption: null, cancellationToken), null);
        }

        var key = RepositoryKey.Generate();
        await keys.PutAsync(key, cancellationToken);
        try
        {
            return (await mover.CreateRepositoryAsync(address, chunkAverageBytes, key.Describe(), cancellationToken), key);
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

    private static void Check(string name, int chunkAverageBytes)
    {
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
