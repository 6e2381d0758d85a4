// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

/// <summary>
/// A repository elsewhere, with the folder <c>index/</c> in a local directory. The index is only a cache (DESIGN.md, index run): what it does not cover of
/// a pack is read from the pack, and entries of packs that are gone do not count, so an index that is lost or older is caught up at the next opening. What
/// must never happen is that an index of <em>another</em> repository is used: the directory notes whose it is, and is emptied when that does not agree.
/// </summary>
public sealed class CachedIndexStorage : IStorageBackend
{
    private const string IndexFolder = "index";
    private const string IndexPrefix = IndexFolder + "/";
    private const string RepositoryName = "repo.json";
    private const string OwnerName = "owner.sha256";
    private const string LockName = "cache.lock";
    private const int MaxRepositoryFile = 1 << 20;

    private readonly IStorageBackend _remote;
    private readonly IStorageBackend _local;

    /// <summary>Owns both; the local one holds nothing but this cache.</summary>
    public CachedIndexStorage(IStorageBackend remote, IStorageBackend local)
    {
        _remote = remote;
        _local = local;
    }

    public string Description => _remote.Description;

    public StorageCapacity? GetCapacity() => _remote.GetCapacity();

    public Task<StorageObject?> FindAsync(string name, CancellationToken cancellationToken) => Of(name).FindAsync(name, cancellationToken);

    public IAsyncEnumerable<StorageObject> ListAsync(string folder, CancellationToken cancellationToken) =>
        (folder == IndexFolder ? _local : Of(folder)).ListAsync(folder, cancellationToken);

    public Task<IStorageReader?> OpenReadAsync(string name, CancellationToken cancellationToken) => Of(name).OpenReadAsync(name, cancellationToken);

    public Task<bool> PutAsync(string name, ReadOnlyMemory<byte> content, StoragePutMode mode, CancellationToken cancellationToken) =>
        Of(name).PutAsync(name, content, mode, cancellationToken);

    public Task<IStorageWriter> CreateWriterAsync(string name, CancellationToken cancellationToken) => Of(name).CreateWriterAsync(name, cancellationToken);

    public Task<IStorageAppender> OpenAppendAsync(string name, bool create, CancellationToken cancellationToken) =>
        Of(name).OpenAppendAsync(name, create, cancellationToken);

    public Task DeleteAsync(string name, CancellationToken cancellationToken) => Of(name).DeleteAsync(name, cancellationToken);

    public Task<bool> ProtectAsync(string name, DateTimeOffset until, CancellationToken cancellationToken) =>
        Of(name).ProtectAsync(name, until, cancellationToken);

    /// <summary>Takes the lock of the repository, then that of the directory, and makes sure that the directory belongs to this repository.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Unavailable"/>: another process uses the directory.</exception>
    public async Task<IAsyncDisposable?> TryLockAsync(string name, CancellationToken cancellationToken)
    {
        if (await _remote.TryLockAsync(name, cancellationToken) is not { } held)
        {
            return null;
        }

        IAsyncDisposable? directory = null;
        try
        {
            directory = await _local.TryLockAsync(LockName, cancellationToken)
                ?? throw new RepositoryException(
                    RepositoryError.Unavailable, $"{_local.Description}: another process uses this cache directory; give each repository one of its own");
            await ClaimAsync(cancellationToken);
            return new TwoLocks(held, directory);
        }
        catch
        {
            if (directory is not null)
            {
                await directory.DisposeAsync();
            }

            await held.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _local.DisposeAsync();
        await _remote.DisposeAsync();
    }

    private IStorageBackend Of(string name) => name.StartsWith(IndexPrefix, StringComparison.Ordinal) ? _local : _remote;

    private async Task ClaimAsync(CancellationToken cancellationToken)
    {
        var identity = SHA256.HashData(await ReadAsync(_remote, RepositoryName, cancellationToken));
        var expected = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(identity));
        var noted = await ReadAsync(_local, OwnerName, cancellationToken);
        if (noted.AsSpan().SequenceEqual(expected))
        {
            return;
        }

        // First nobody's, then empty, then this repository's: a crash between leaves no index under a wrong name.
        await _local.DeleteAsync(OwnerName, cancellationToken);
        var runs = new List<string>();
        await foreach (var run in _local.ListAsync(IndexFolder, cancellationToken))
        {
            runs.Add(run.Name);
        }

        foreach (var run in runs)
        {
            await _local.DeleteAsync(run, cancellationToken);
        }

        await _local.PutAsync(OwnerName, expected, StoragePutMode.Replace, cancellationToken);
    }

    private static async Task<byte[]> ReadAsync(IStorageBackend storage, string name, CancellationToken cancellationToken)
    {
        using var reader = await storage.OpenReadAsync(name, cancellationToken);
        var content = new byte[Math.Min(reader?.Length ?? 0, MaxRepositoryFile)];
        return reader is null ? content : content[..await reader.ReadAsync(0, content, cancellationToken)];
    }

    private sealed class TwoLocks(IAsyncDisposable first, IAsyncDisposable second) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await second.DisposeAsync();
            await first.DisposeAsync();
        }
    }
}
