// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Benchmarks.IndexScale;

/// <summary>Storage that counts the bytes of the large objects written through it: index runs, and nothing else is.</summary>
internal sealed class CountingStorage(IStorageBackend inner) : IStorageBackend
{
    private long _written;
    private int _objects;

    public long Written => Volatile.Read(ref _written);

    public int Objects => Volatile.Read(ref _objects);

    public string Description => inner.Description;

    public StorageCapacity? GetCapacity() => inner.GetCapacity();

    public Task<StorageObject?> FindAsync(string name, CancellationToken cancellationToken) => inner.FindAsync(name, cancellationToken);

    public IAsyncEnumerable<StorageObject> ListAsync(string folder, CancellationToken cancellationToken) => inner.ListAsync(folder, cancellationToken);

    public Task<IStorageReader?> OpenReadAsync(string name, CancellationToken cancellationToken) => inner.OpenReadAsync(name, cancellationToken);

    public Task<bool> PutAsync(string name, ReadOnlyMemory<byte> content, StoragePutMode mode, CancellationToken cancellationToken) =>
        inner.PutAsync(name, content, mode, cancellationToken);

    public async Task<IStorageWriter> CreateWriterAsync(string name, CancellationToken cancellationToken)
    {
        _ = Interlocked.Increment(ref _objects);
        return new Writer(this, await inner.CreateWriterAsync(name, cancellationToken));
    }

    public Task<IStorageAppender> OpenAppendAsync(string name, bool create, CancellationToken cancellationToken) =>
        inner.OpenAppendAsync(name, create, cancellationToken);

    public Task DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

    public Task<bool> ProtectAsync(string name, DateTimeOffset until, CancellationToken cancellationToken) => inner.ProtectAsync(name, until, cancellationToken);

    public Task<IAsyncDisposable?> TryLockAsync(string name, CancellationToken cancellationToken) => inner.TryLockAsync(name, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private sealed class Writer(CountingStorage owner, IStorageWriter inner) : IStorageWriter
    {
        public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            _ = Interlocked.Add(ref owner._written, content.Length);
            return inner.WriteAsync(content, cancellationToken);
        }

        public Task CommitAsync(CancellationToken cancellationToken) => inner.CommitAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
