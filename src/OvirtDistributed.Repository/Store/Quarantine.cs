// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store;

/// <summary>Remembers, durably, which stored frames are damaged. Only ever grows; frames leave it when their pack is removed.</summary>
internal sealed class Quarantine(IStorageBackend storage, PackTable packs, long highestSequence) : IDisposable
{
    public const string Folder = "quarantine";

    /// <summary>Items of one record, so that it stays far from the longest text that is read: a dead disk of an array leaves millions.</summary>
    public const int MostItems = 10_000;

    private const string Format = "quarantine";
    private const string Suffix = ".json";

    private readonly SemaphoreSlim _gate = new(1, 1);

    // Known to this process, and not known to be durable: what the next call writes first.
    private readonly Queue<QuarantineItem> _unwritten = [];
    private long _sequence = highestSequence;

    /// <summary>The highest number that is taken, or may be.</summary>
    public long HighestSequence => _sequence;

    /// <summary>The number in a name; 0 when it is another name.</summary>
    public static long ParseName(string name)
    {
        var file = name.AsSpan(Math.Min(Folder.Length + 1, name.Length));
        var valid = file.EndsWith(Suffix, StringComparison.Ordinal)
            && long.TryParse(file[..^Suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return valid ? long.Parse(file[..^Suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture) : 0;
    }

    public static QuarantineRecord Read(string name, ReadOnlySpan<byte> content) =>
        TextEnvelope.Read(name, content, Format, RepositoryJson.Default.QuarantineRecord);

    public static void Apply(IReadOnlyList<QuarantineItem> items, PackTable packs)
    {
        foreach (var item in items)
        {
            if (item.Pack != 0 && !packs.IsLive(item.Pack))
            {
                continue; // it went with its pack
            }

            if (item.ToEnd)
            {
                packs.Truncate(item.Pack, item.Offset);
            }
            else if (item.Pack != 0 && item.ByReader)
            {
                packs.Report(item.Pack, item.Offset);
            }
            else if (item.Pack != 0)
            {
                packs.Quarantine(item.Pack, item.Offset);
            }
            else
            {
                packs.NoteMissing();
            }
        }
    }

    /// <summary>
    /// Adds frames: known to this process at once, whatever comes; durable on return, with all that calls which failed before were to write.
    /// </summary>
    public async Task AddAsync(IReadOnlyList<QuarantineItem> items, CancellationToken cancellationToken)
    {
        Apply(items, packs);
        lock (_unwritten)
        {
            foreach (var item in items)
            {
                _unwritten.Enqueue(item);
            }
        }

        await _gate.WaitAsync(cancellationToken);
        try
        {
            while (NextUnwritten() is { Count: > 0 } next)
            {
                await WriteAsync(new QuarantineRecord { Items = next }, cancellationToken);
                Forget(next.Count);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private List<QuarantineItem> NextUnwritten()
    {
        lock (_unwritten)
        {
            return [.. _unwritten.Take(MostItems)];
        }
    }

    private void Forget(int count)
    {
        lock (_unwritten)
        {
            for (var i = 0; i < count; i++)
            {
                _unwritten.Dequeue();
            }
        }
    }

    /// <summary>Under a number that nobody has: one whose put failed may be taken all the same, by other items.</summary>
    private async Task WriteAsync(QuarantineRecord record, CancellationToken cancellationToken)
    {
        var content = TextEnvelope.Write(Format, record, RepositoryJson.Default.QuarantineRecord);
        while (!await storage.PutAsync($"{Folder}/{++_sequence}{Suffix}", content, StoragePutMode.CreateOnly, cancellationToken))
        {
        }
    }
}
