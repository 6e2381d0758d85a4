// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store.Collection;

/// <summary>tombstones/PACK.json: the pack is dispensable since a time; nothing in it is handed out or counted as held any more.</summary>
internal static class Tombstones
{
    public const string Folder = "tombstones";
    private const string Format = "tombstone";
    private const string Suffix = ".json";

    public static string NameOf(uint pack) => $"{Folder}/{pack:x8}{Suffix}";

    public static Task WriteAsync(IStorageBackend storage, TombstoneRecord record, CancellationToken cancellationToken) => storage.PutAsync(
        NameOf(record.Pack), TextEnvelope.Write(Format, record, RepositoryJson.Default.TombstoneRecord), StoragePutMode.Replace, cancellationToken);

    /// <summary>All that can be read. One that cannot is no tombstone: the pack is live, and a later round looks at it again.</summary>
    public static async Task<List<TombstoneRecord>> ReadAllAsync(IStorageBackend storage, List<string> problems, CancellationToken cancellationToken)
    {
        var records = new List<TombstoneRecord>();
        await foreach (var item in storage.ListAsync(Folder, cancellationToken))
        {
            try
            {
                var content = await RepositoryFile.ReadTextAsync(storage, item.Name, cancellationToken) ?? [];
                var record = TextEnvelope.Read(item.Name, content, Format, RepositoryJson.Default.TombstoneRecord);
                if (NameOf(record.Pack) == item.Name)
                {
                    records.Add(record);
                }
                else
                {
                    problems.Add($"{item.Name}: it is of pack {PackFormat.NameOf(record.Pack)}; left alone");
                }
            }
            catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged)
            {
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"{failure.Message}; its pack is kept"));
            }
        }

        return records;
    }
}

/// <summary>One dispensable pack.</summary>
internal sealed record TombstoneRecord(uint Pack, DateTimeOffset Since, string Reason);
