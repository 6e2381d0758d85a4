// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Repositories;

/// <summary>The keys of encrypted repositories, in this server's database, each sealed with the key file of the data directory.</summary>
internal sealed class RepositoryKeys(IDbContextFactory<ServerDbContext> contexts, PasswordSeal seal, TimeProvider time)
{
    /// <summary>Keeps a key, durably, before anything is encrypted with it. Idempotent.</summary>
    public async Task PutAsync(RepositoryKey key, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.RepositoryKeys.AnyAsync(row => row.KeySetId == key.KeySetId, cancellationToken))
        {
            return;
        }

        context.RepositoryKeys.Add(new StoredRepositoryKey
        {
            KeySetId = key.KeySetId,
            SealedKey = seal.Seal(key.KeySetId, Convert.ToBase64String(key.Secret)),
            Created = time.GetUtcNow(),
        });
        await context.SaveChangesAsync(cancellationToken);
    }

    /// <summary>Forgets a key with which nothing was ever encrypted.</summary>
    public async Task DropUnusedAsync(Guid keySetId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.RepositoryKeys.Where(row => row.KeySetId == keySetId).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>Null when this server does not hold it.</summary>
    public async Task<RepositoryKey?> FindAsync(Guid keySetId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var row = await context.RepositoryKeys.AsNoTracking().FirstOrDefaultAsync(row => row.KeySetId == keySetId, cancellationToken);
        if (row is null)
        {
            return null;
        }

        var secret = Convert.FromBase64String(seal.Open(keySetId, row.SealedKey));
        try
        {
            return new RepositoryKey(secret, keySetId);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    /// <summary>The key of a repository; null when it is not encrypted.</summary>
    /// <exception cref="MoverException"><see cref="MoverFailure.KeyMissing"/>.</exception>
    public async Task<RepositoryKey?> RequireKeyAsync(StoredRepository repository, CancellationToken cancellationToken) =>
        repository.KeySetId is not { } keySet
            ? null
            : await FindAsync(keySet, cancellationToken)
                ?? throw new MoverException(
                    MoverFailure.KeyMissing,
                    $"Repository {repository.Name} is encrypted and this server does not hold its key: give it one of the recovery keys (ovd repository key import {repository.Name}).");

    /// <summary>How a repository's content is read and written.</summary>
    /// <exception cref="MoverException"><see cref="MoverFailure.KeyMissing"/>.</exception>
    public async Task<ContentKeys> RequireAsync(StoredRepository repository, CancellationToken cancellationToken) =>
        await RequireKeyAsync(repository, cancellationToken) is { } key ? ContentKeys.Of(key) : ContentKeys.Plain;

    /// <summary>As <see cref="RequireAsync"/>, but without the key what can be known without it.</summary>
    public async Task<ContentKeys> OfAsync(StoredRepository repository, CancellationToken cancellationToken) =>
        repository.KeySetId is not { } keySet ? ContentKeys.Plain
        : await FindAsync(keySet, cancellationToken) is { } key ? ContentKeys.Of(key)
        : ContentKeys.Opaque;
}
