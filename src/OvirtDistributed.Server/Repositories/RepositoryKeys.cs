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
    /// <summary>Keeps a key, durably, before anything is encrypted with it. Idempotent. Takes the place of one that was sealed with a key file that is lost.</summary>
    public async Task PutAsync(RepositoryKey key, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var stored = await context.RepositoryKeys.AsNoTracking().FirstOrDefaultAsync(row => row.KeySetId == key.KeySetId, cancellationToken);
        if (stored is not null && TryOpen(stored, out _))
        {
            return;
        }

        var sealedKey = seal.Seal(key.KeySetId, Convert.ToBase64String(key.Secret));
        if (stored is not null)
        {
            await context.RepositoryKeys.Where(row => row.KeySetId == key.KeySetId).ExecuteUpdateAsync(set => set.SetProperty(row => row.SealedKey, sealedKey), cancellationToken);
            return;
        }

        context.RepositoryKeys.Add(new StoredRepositoryKey { KeySetId = key.KeySetId, SealedKey = sealedKey, Created = time.GetUtcNow() });
        await context.SaveChangesAsync(cancellationToken);
    }

    /// <summary>Forgets a key with which nothing was ever encrypted.</summary>
    public async Task DropUnusedAsync(Guid keySetId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.RepositoryKeys.Where(row => row.KeySetId == keySetId).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>Null when this server does not hold it, or holds it sealed with a key file that it has no more.</summary>
    public async Task<RepositoryKey?> FindAsync(Guid keySetId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var row = await context.RepositoryKeys.AsNoTracking().FirstOrDefaultAsync(row => row.KeySetId == keySetId, cancellationToken);
        if (row is null || !TryOpen(row, out var text))
        {
            return null;
        }

        var secret = Convert.FromBase64String(text);
        try
        {
            return new RepositoryKey(secret, keySetId);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private bool TryOpen(StoredRepositoryKey row, out string text)
    {
        try
        {
            text = seal.Open(row.KeySetId, row.SealedKey);
            return true;
        }
        catch (InvalidOperationException)
        {
            text = "";
            return false;
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
                    $"Repository {repository.Name} is encrypted and this server does not hold its key, or has lost the server.key that sealed it: give it one of the recovery keys (ovd repository key import {repository.Name}).");

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
