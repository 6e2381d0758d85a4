// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Tests.Repository.Support;

/// <summary>
/// Storage in memory that tells durable from written, counts its operations and can be killed at any of them:
/// what was not flushed is then lost, kept or torn, as a power cut would leave it.
/// </summary>
internal sealed partial class CrashStorage : IStorageBackend
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, StoredObject> _objects = new(StringComparer.Ordinal);
    private readonly HashSet<string> _locks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _retention = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _retainedLengths = new(StringComparer.Ordinal);
    private int _operations;
    private int _openReaders;
    private bool _dead;

    /// <summary>The operation that does not come back; 0 for never.</summary>
    public int KillAt { get; init; }

    /// <summary>Whether that operation is carried out first.</summary>
    public bool KillAfter { get; init; }

    /// <summary>The operation that fails once, without an effect; 0 for never.</summary>
    public int FailAt { get; init; }

    /// <summary>Called with the name of an object before each read of it.</summary>
    public Action<string>? BeforeRead { get; set; }

    /// <summary>As in a bucket: what was removed cannot be read by who has it open.</summary>
    public bool ReadersEndWithTheirObject { get; init; }

    public bool HasFailed { get; private set; }

    /// <summary>The next put of such a name is carried out and fails all the same, once.</summary>
    public string? FailBehindPutOf { get; set; }

    /// <summary>Objects that are open for reading.</summary>
    public int OpenReaders => _openReaders;

    /// <summary>The next object of such a name that is written in pieces is there and its writer fails all the same, once.</summary>
    public string? FailBehindCommitOf { get; set; }

    /// <summary>The next look at such a folder fails, once.</summary>
    public string? FailNextListOf { get; set; }

    /// <summary>Prefix of a name whose next flush fails; null once it did.</summary>
    public string? FailNextFlushOf { get; set; }

    /// <summary>Whether lookups, lists and reads count as operations.</summary>
    public bool CountsReads { get; init; } = true;

    public int Operations => _operations;

    public bool WasKilled => _dead;

    public string KilledOperation { get; private set; } = "";

    public StorageCapacity? Capacity { get; set; }

    public string Description => "crash-storage";

    public StorageCapacity? GetCapacity() => Capacity;

    /// <summary>What the next process finds.</summary>
    public CrashStorage Reboot(Tail tail, int killAt = 0, bool killAfter = false)
    {
        var next = new CrashStorage { KillAt = killAt, KillAfter = killAfter };
        lock (_gate)
        {
            foreach (var (name, item) in _objects)
            {
                next._objects.Add(name, item.AfterCrash(tail));
            }
        }

        return next;
    }

    public byte[] Read(string name)
    {
        lock (_gate)
        {
            return _objects[name].Bytes.ToArray();
        }
    }

    public void Write(string name, byte[] content)
    {
        lock (_gate)
        {
            _objects[name] = new StoredObject(content);
        }
    }

    public void Remove(string name)
    {
        lock (_gate)
        {
            _objects.Remove(name);
        }
    }

    public List<string> Names(string folder)
    {
        lock (_gate)
        {
            return [.. _objects.Keys.Where(name => name.StartsWith(folder + "/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        }
    }

    public Task<StorageObject?> FindAsync(string name, CancellationToken cancellationToken) => Task.FromResult(Do<StorageObject?>(
        $"find {name}", () => _objects.TryGetValue(name, out var item) ? new StorageObject(name, item.Bytes.Count) : null));

    /// <summary>Makes the storage one with object lock: it refuses to remove or replace what is protected at this time. Null: it cannot.</summary>
    public TimeProvider? RetentionClock { get; set; }

    public DateTimeOffset? ProtectedUntil(string name) => _retention.TryGetValue(name, out var until) ? until : null;

    /// <summary>As with storage that keeps an object in parts: what is appended later is not protected by the call before.</summary>
    public long ProtectedLength(string name) => _retainedLengths.GetValueOrDefault(name);

    public Task<bool> ProtectAsync(string name, DateTimeOffset until, CancellationToken cancellationToken) => Task.FromResult(
        RetentionClock is not null && Do($"protect {name}", () =>
        {
            if (!_objects.TryGetValue(name, out var item))
            {
                return false;
            }

            _retention[name] = _retention.TryGetValue(name, out var known) && known > until ? known : until;
            _retainedLengths[name] = item.Bytes.Count;
            return true;
        }));

    public async IAsyncEnumerable<StorageObject> ListAsync(string folder, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var found = Do($"list {folder}", () =>
        {
            if (FailNextListOf == folder)
            {
                FailNextListOf = null;
                throw new RepositoryException(RepositoryError.Unavailable, $"list {folder}: failed");
            }

            return _objects
                .Where(item => item.Key.StartsWith(folder + "/", StringComparison.Ordinal))
                .Select(item => new StorageObject(item.Key, item.Value.Bytes.Count)).ToList();
        });
        foreach (var item in found)
        {
            yield return item;
        }

        await Task.CompletedTask;
    }

    public Task<IStorageReader?> OpenReadAsync(string name, CancellationToken cancellationToken) => Task.FromResult(Do<IStorageReader?>(
        $"open {name}", () =>
        {
            if (!_objects.TryGetValue(name, out var item))
            {
                return null;
            }

            _openReaders++;
            return new Reader(this, name, item);
        }));

    public Task<bool> PutAsync(string name, ReadOnlyMemory<byte> content, StoragePutMode mode, CancellationToken cancellationToken) =>
        Task.FromResult(Do($"put {name}", () =>
        {
            if (mode == StoragePutMode.CreateOnly && _objects.ContainsKey(name))
            {
                return false;
            }

            _objects[name] = new StoredObject(content.ToArray());
            if (FailBehindPutOf is { } prefix && name.StartsWith(prefix, StringComparison.Ordinal))
            {
                FailBehindPutOf = null;
                throw new RepositoryException(RepositoryError.Unavailable, $"put {name}: done, and failed");
            }

            return true;
        }));

    public Task<IStorageWriter> CreateWriterAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(Do<IStorageWriter>($"create {name}", () => new Writer(this, name)));

    public Task<IStorageAppender> OpenAppendAsync(string name, bool create, CancellationToken cancellationToken) =>
        Task.FromResult(Do<IStorageAppender>($"append-open {name}", () =>
        {
            if (create && _objects.ContainsKey(name))
            {
                throw new RepositoryException(RepositoryError.Unavailable, $"{name}: exists");
            }

            if (create)
            {
                _objects.Add(name, new StoredObject([]));
            }

            return _objects.TryGetValue(name, out var item)
                ? new Appender(this, name, item)
                : throw new RepositoryException(RepositoryError.Unavailable, $"{name}: is not there");
        }));

    public Task DeleteAsync(string name, CancellationToken cancellationToken) => Task.FromResult(Do($"delete {name}", () =>
        _retention.TryGetValue(name, out var until) && until > RetentionClock!.GetUtcNow()
            ? throw new RepositoryException(RepositoryError.PointLocked, $"{name}: protected until {until:u}")
            : _objects.Remove(name)));

    public Task<IAsyncDisposable?> TryLockAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(Do<IAsyncDisposable?>($"lock {name}", () => _locks.Add(name) ? new HeldLock(this, name) : null));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private T Do<T>(string what, Func<T> action)
    {
        lock (_gate)
        {
            if (_dead)
            {
                throw new RepositoryException(RepositoryError.Unavailable, "the process was killed");
            }

            var isRead = what.StartsWith("read ", StringComparison.Ordinal) || what.StartsWith("list ", StringComparison.Ordinal)
                || what.StartsWith("find ", StringComparison.Ordinal) || what.StartsWith("open ", StringComparison.Ordinal);
            if ((isRead && !CountsReads) || ++_operations != KillAt)
            {
                if (_operations == FailAt && !HasFailed)
                {
                    HasFailed = true;
                    KilledOperation = $"{_operations}: {what}";
                    throw new RepositoryException(RepositoryError.Unavailable, $"failed at operation {KilledOperation}");
                }

                return action();
            }

            if (KillAfter)
            {
                action();
            }

            _dead = true;
            KilledOperation = $"{_operations}: {(KillAfter ? "after" : "before")} {what}";
            throw new RepositoryException(RepositoryError.Unavailable, $"killed at operation {KilledOperation}");
        }
    }
}

/// <summary>What a crash does to bytes that were written and not flushed.</summary>
internal enum Tail
{
    Lost,
    Kept,
    Torn,
}
