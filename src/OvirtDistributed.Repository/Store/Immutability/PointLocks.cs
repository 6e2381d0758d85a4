// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Immutability;

/// <summary>
/// locks/points/POINT.json: until when a point cannot be removed. A lock is only ever extended. It is durable before its point is, so no point is
/// there unlocked for a moment. Safe for concurrent use.
/// </summary>
internal sealed class PointLocks
{
    private const string Folder = "locks/points";
    private const string Format = "point-lock";
    private const string Suffix = ".json";

    // When a lock was set whose record is damaged.
    private static readonly DateTimeOffset Unknown = DateTimeOffset.MinValue;

    private readonly IStorageBackend _storage;
    private readonly ConcurrentDictionary<string, PointLockRecord> _records = new(StringComparer.Ordinal);

    private PointLocks(IStorageBackend storage)
    {
        _storage = storage;
    }

    /// <summary>The latest time at which a lock was set: it was certainly seen. Null without locks that say it.</summary>
    public DateTimeOffset? LatestSet => _records.Values.Where(record => record.Set != Unknown).Max(record => (DateTimeOffset?)record.Set);

    public IEnumerable<PointLockRecord> All => _records.Values;

    public static string NameOf(string pointId) => $"{Folder}/{pointId}{Suffix}";

    public static async Task<PointLocks> LoadAsync(IStorageBackend storage, List<string> problems, CancellationToken cancellationToken)
    {
        var locks = new PointLocks(storage);
        await foreach (var item in storage.ListAsync(Folder, cancellationToken))
        {
            var pointId = item.Name[(Folder.Length + 1)..];
            pointId = pointId.EndsWith(Suffix, StringComparison.Ordinal) ? pointId[..^Suffix.Length] : pointId;
            try
            {
                var content = await RepositoryFile.ReadTextAsync(storage, item.Name, cancellationToken) ?? [];
                var record = TextEnvelope.Read(item.Name, content, Format, RepositoryJson.Default.PointLockRecord);
                if (record.PointId != pointId)
                {
                    throw RepositoryException.Damaged($"{item.Name}: it is of point {record.PointId}");
                }

                locks._records[pointId] = record;
            }
            catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
            {
                // What it said is not known: so it counts as the longest one, until it is set again by its owner.
                problems.Add($"{failure.Message}; its point counts as locked for ever: lock it again to give it a date");
                locks._records[pointId] = new PointLockRecord(pointId, DateTimeOffset.MaxValue, Unknown);
            }
        }

        return locks;
    }

    /// <summary>Until when a point is locked, or null. Whether that is over is for the caller's clock to say.</summary>
    public DateTimeOffset? UntilOf(string pointId) => _records.TryGetValue(pointId, out var record) ? record.Until : null;

    /// <summary>Locks a point until a time, unless it is locked longer. Durable on return, idempotent. One caller per point at a time.</summary>
    /// <returns>What holds now.</returns>
    public async Task<DateTimeOffset> ExtendAsync(string pointId, DateTimeOffset until, DateTimeOffset now)
    {
        if (_records.TryGetValue(pointId, out var known) && known.Until >= until && known.Until != DateTimeOffset.MaxValue)
        {
            return known.Until;
        }

        var record = new PointLockRecord(pointId, until, now);
        var content = TextEnvelope.Write(Format, record, RepositoryJson.Default.PointLockRecord);

        // Once begun it is seen through: whether a cancelled write happened would not be known.
        await _storage.PutAsync(NameOf(pointId), content, StoragePutMode.Replace, CancellationToken.None);
        _records[pointId] = record;
        return until;
    }

    /// <summary>Removes the record of a lock whose point is gone.</summary>
    public async Task ForgetAsync(string pointId)
    {
        await _storage.DeleteAsync(NameOf(pointId), CancellationToken.None);
        _records.TryRemove(pointId, out _);
    }
}

/// <summary>The lock of one point.</summary>
/// <param name="PointId">Whose.</param>
/// <param name="Until">It cannot be removed before.</param>
/// <param name="Set">When this was said, by the trusted clock.</param>
internal sealed record PointLockRecord(string PointId, DateTimeOffset Until, DateTimeOffset Set);
