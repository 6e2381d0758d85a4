// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>A large object in the making. Disposing without a commit leaves nothing.</summary>
public interface IStorageWriter : IAsyncDisposable
{
    ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Makes the object durable and visible under its name, replacing an older one.</summary>
    Task CommitAsync(CancellationToken cancellationToken);
}
