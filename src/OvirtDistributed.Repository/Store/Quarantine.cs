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
    private const string Format = "quarantine";
    private const string Suffix = ".json";

    private readonly SemaphoreSlim _gate = new(1, 1);
    private long _sequence = highestSequence;

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

    public static void Apply(QuarantineRecord record, PackTable packs)
    {
        foreach (var item in record.Items)
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

    /// <summary>Adds frames; durable on return.</summary>
    public async Task AddAsync(IReadOnlyList<QuarantineItem> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
        {
            return;
        }

        await _gate.WaitAsync(cancellationToken);
        try
        {
            var record = new QuarantineRecord { Items = items };
            var name = $"{Folder}/{_sequence + 1}{Suffix}";
            await storage.PutAsync(name, TextEnvelope.Write(Format, record, RepositoryJson.Default.QuarantineRecord), StoragePutMode.CreateOnly, cancellationToken);
            _sequence++;
            Apply(record, packs);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();
}
