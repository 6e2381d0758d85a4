// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>Named objects on durable storage. Everything the repository promises rests on the promises made here.</summary>
/// <remarks>
/// Names are relative, '/'-separated, of letters, digits, '.', '_' and '-'; folders need no creation. Safe for concurrent use.
/// Failures are <see cref="RepositoryException"/>: <see cref="RepositoryError.NoSpace"/> when full, otherwise
/// <see cref="RepositoryError.Unavailable"/>; after a failed write nothing is promised about that object, and all about the others.
/// </remarks>
public interface IStorageBackend : IAsyncDisposable
{
    /// <summary>Where it is, for messages to an operator.</summary>
    string Description { get; }

    /// <summary>Bytes in all and free, or null where the storage cannot tell.</summary>
    StorageCapacity? GetCapacity();

    /// <summary>The object, or null. Strongly consistent with completed writes.</summary>
    Task<StorageObject?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>All objects below a folder, at any depth, in no order. Unfinished writes are not listed. Nothing for a missing folder.</summary>
    IAsyncEnumerable<StorageObject> ListAsync(string folder, CancellationToken cancellationToken);

    /// <summary>Opens an object for ranged reads; it also sees what is appended later. Null when there is none.</summary>
    Task<IStorageReader?> OpenReadAsync(string name, CancellationToken cancellationToken);

    /// <summary>Writes a whole object at once: afterwards it is durable, or nothing has changed. Never half an object.</summary>
    /// <returns>False, and no change, when <paramref name="mode"/> forbids it because the object exists. Atomic between processes.</returns>
    Task<bool> PutAsync(string name, ReadOnlyMemory<byte> content, StoragePutMode mode, CancellationToken cancellationToken);

    /// <summary>Writes a large object piece by piece; it appears, durable and whole, with <see cref="IStorageWriter.CommitAsync"/>.</summary>
    Task<IStorageWriter> CreateWriterAsync(string name, CancellationToken cancellationToken);

    /// <summary>Opens an object for appending. When <paramref name="create"/>, it must not exist and its name is durable on return.</summary>
    Task<IStorageAppender> OpenAppendAsync(string name, bool create, CancellationToken cancellationToken);

    /// <summary>Removes an object, durably. Nothing happens when there is none. Open readers may go on.</summary>
    Task DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Lets the storage itself refuse to remove or replace an object before a date (object lock in compliance mode), where it can.
    /// Extends only: an earlier date than the one in force changes nothing. Idempotent; durable on return.
    /// </summary>
    /// <returns>False when this storage cannot protect, or there is no such object.</returns>
    Task<bool> ProtectAsync(string name, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Takes an exclusive lock that ends with this process at the latest. Null when someone else has it.</summary>
    Task<IAsyncDisposable?> TryLockAsync(string name, CancellationToken cancellationToken);
}
