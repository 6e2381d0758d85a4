// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <summary>One lock per name, kept only while someone wants it.</summary>
internal sealed class KeyedLock
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    public async Task<IDisposable> EnterAsync(string key, CancellationToken cancellationToken)
    {
        Entry? entry;
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out entry))
            {
                entry = new Entry(this, key);
                _entries.Add(key, entry);
            }

            entry.Users++;
        }

        try
        {
            await entry.Semaphore.WaitAsync(cancellationToken);
            return new Holder(entry);
        }
        catch
        {
            Leave(entry, held: false);
            throw;
        }
    }

    private void Leave(Entry entry, bool held)
    {
        lock (_gate)
        {
            if (held)
            {
                entry.Semaphore.Release();
            }

            if (--entry.Users == 0)
            {
                _entries.Remove(entry.Key);
                entry.Semaphore.Dispose();
            }
        }
    }

    private sealed class Entry(KeyedLock owner, string key)
    {
        public KeyedLock Owner { get; } = owner;

        public string Key { get; } = key;

        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Holder(Entry entry) : IDisposable
    {
        private Entry? _entry = entry;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _entry, null) is { } held)
            {
                held.Owner.Leave(held, held: true);
            }
        }
    }
}
