// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>Ranged reads of one object. Safe for concurrent use.</summary>
public interface IStorageReader : IDisposable
{
    /// <summary>Length now.</summary>
    long Length { get; }

    /// <summary>Reads until the buffer is full or the object ends.</summary>
    /// <returns>Bytes read; fewer than asked only at the end.</returns>
    ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>The whole object as memory, or null where the storage cannot map. Disposed before the reader.</summary>
    IMappedObject? Map();
}
