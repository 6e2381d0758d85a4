// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>Keeps some packs open for reading. Safe for concurrent use.</summary>
internal sealed class PackReaders(IStorageBackend storage) : IDisposable
{
    // Open files are cheap, but their number is limited per process.
    private const int MostIdle = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<uint, Entry> _open = [];
    private readonly LinkedList<uint> _idle = new();

    /// <summary>Opens a pack, or takes the open one. Released by <see cref="Return"/>.</summary>
    /// <exception cref="RepositoryException">There is no such pack any more.</exception>
    public async ValueTask<IStorageReader> RentAsync(uint pack, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (Take(pack) is { } known)
            {
                return known;
            }
        }

        var reader = await storage.OpenReadAsync(PackFormat.NameOf(pack), cancellationToken)
            ?? throw RepositoryException.Damaged($"{PackFormat.NameOf(pack)}: the pack is gone");
        lock (_gate)
        {
            if (Take(pack) is { } known)
            {
                reader.Dispose();
                return known;
            }

            _open.Add(pack, new Entry(reader) { Users = 1 });
            return reader;
        }
    }

    /// <summary>Closes a pack that was removed, at once or when its last reader is done, so that its space is free.</summary>
    public void Forget(uint pack)
    {
        lock (_gate)
        {
            if (!_open.TryGetValue(pack, out var entry))
            {
                return;
            }

            if (entry.IdleNode is null)
            {
                entry.Forgotten = true;
                return;
            }

            _idle.Remove(entry.IdleNode);
            _open.Remove(pack);
            entry.Reader.Dispose();
        }
    }

    public void Return(uint pack)
    {
        lock (_gate)
        {
            var entry = _open[pack];
            if (--entry.Users > 0)
            {
                return;
            }

            if (entry.Forgotten)
            {
                _open.Remove(pack);
                entry.Reader.Dispose();
                return;
            }

            entry.IdleNode = _idle.AddLast(pack);
            if (_idle.Count > MostIdle)
            {
                var oldest = _idle.First!.Value;
                _idle.RemoveFirst();
                _open.Remove(oldest, out var closed);
                closed!.Reader.Dispose();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var entry in _open.Values)
            {
                entry.Reader.Dispose();
            }

            _open.Clear();
            _idle.Clear();
        }
    }

    private IStorageReader? Take(uint pack)
    {
        if (!_open.TryGetValue(pack, out var entry))
        {
            return null;
        }

        if (entry.IdleNode is not null)
        {
            _idle.Remove(entry.IdleNode);
            entry.IdleNode = null;
        }

        entry.Users++;
        return entry.Reader;
    }

    private sealed class Entry(IStorageReader reader)
    {
        public IStorageReader Reader { get; } = reader;

        public int Users { get; set; }

        public bool Forgotten { get; set; }

        public LinkedListNode<uint>? IdleNode { get; set; }
    }
}
