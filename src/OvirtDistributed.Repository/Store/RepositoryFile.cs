// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store;

/// <summary>repo.json, the object that makes a location a repository.</summary>
internal static class RepositoryFile
{
    public const string Name = "repo.json";
    public const string LockName = "locks/store.lock";
    public const string KeyFolder = "keys";
    public const string OwnerName = "locks/store.owner";
    private const string Format = "repository";
    private const int EncryptedVersion = 2;
    private const int MaxTextLength = 64 << 20;

    public static async Task CreateAsync(IStorageBackend storage, RepositoryParameters parameters, CancellationToken cancellationToken)
    {
        parameters.Validate();
        if (parameters.Encryption is not null)
        {
            // The salt in use comes from the key: storage must not know how content is cut.
            parameters = parameters with { Chunker = parameters.Chunker with { Salt = new byte[ChunkerParameters.SaltLength] } };
        }

        // A program that does not know encryption must stay away from a repository that has it.
        var version = parameters.Encryption is null ? 1 : EncryptedVersion;
        var content = TextEnvelope.Write(Format, parameters, RepositoryJson.Default.RepositoryParameters, version);
        if (!await storage.PutAsync(Name, content, StoragePutMode.CreateOnly, cancellationToken))
        {
            throw new RepositoryException(RepositoryError.AlreadyExists, $"{storage.Description}: there is a repository already; nothing was changed");
        }
    }

    public static async Task<RepositoryParameters> ReadAsync(IStorageBackend storage, CancellationToken cancellationToken)
    {
        var content = await ReadTextAsync(storage, Name, cancellationToken)
            ?? throw new RepositoryException(RepositoryError.NotARepository, $"{storage.Description}: no repository here ({Name} is missing); create one, or check the path and that it is mounted");
        var parameters = TextEnvelope.Read($"{storage.Description}/{Name}", content, Format, RepositoryJson.Default.RepositoryParameters, EncryptedVersion);
        try
        {
            parameters.Validate();
        }
        catch (RepositoryException exception)
        {
            throw RepositoryException.Damaged($"{storage.Description}/{Name}: {exception.Message}", exception);
        }

        if (parameters.Encryption is null)
        {
            await RefuseKeysAsync(storage, cancellationToken);
        }

        return parameters;
    }

    /// <summary>Key slots belong to an encrypted repository: without them this file was changed. Who has the key refuses it in any case.</summary>
    private static async Task RefuseKeysAsync(IStorageBackend storage, CancellationToken cancellationToken)
    {
        await foreach (var item in storage.ListAsync(KeyFolder, cancellationToken))
        {
            throw RepositoryException.Damaged(
                $"{storage.Description}/{Name}: it says that the repository is not encrypted, and yet there is the key slot {item.Name}: it was changed; restore it from a copy");
        }
    }

    /// <summary>Takes the lock of the one process that may write (invariant 14).</summary>
    public static async Task<IAsyncDisposable> LockAsync(IStorageBackend storage, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow().ToString("u", CultureInfo.InvariantCulture);
        var owner = $"{Environment.MachineName}, process {Environment.ProcessId}, since {now}";
        if (await storage.TryLockAsync(LockName, cancellationToken) is { } held)
        {
            return await SignAsync(storage, held, owner, cancellationToken);
        }

        var other = await ReadTextAsync(storage, OwnerName, cancellationToken) ?? [];
        var text = Encoding.UTF8.GetString(other).Trim();
        throw new RepositoryException(
            RepositoryError.Locked, $"{storage.Description}: another process has the repository open ({(text.Length == 0 ? "unknown" : text)}); stop it first");
    }

    // Beside the lock and not in it: a locked file cannot be read by others.
    private static async Task<IAsyncDisposable> SignAsync(IStorageBackend storage, IAsyncDisposable held, string owner, CancellationToken cancellationToken)
    {
        try
        {
            await storage.PutAsync(OwnerName, Encoding.UTF8.GetBytes(owner + "\n"), StoragePutMode.Replace, cancellationToken);
            return held;
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    /// <summary>The bytes of a small object, or null.</summary>
    public static async Task<byte[]?> ReadTextAsync(IStorageBackend storage, string name, CancellationToken cancellationToken)
    {
        using var reader = await storage.OpenReadAsync(name, cancellationToken);
        if (reader is null)
        {
            return null;
        }

        if (reader.Length > MaxTextLength)
        {
            throw RepositoryException.Damaged($"{name}: {reader.Length} bytes, far too long for what it is");
        }

        var content = new byte[reader.Length];
        var read = await reader.ReadAsync(0, content, cancellationToken);
        return content[..read];
    }
}
