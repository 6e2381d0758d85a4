// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Amazon.S3.Model;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

/// <summary>
/// Storage in a bucket with conditional writes. Whole objects are keys; appended ones a head and a row of parts (<see cref="S3Names"/>), each durable by
/// itself. What is appended is seen by readers of this process at once, by others when it was flushed. A reader of an object that is removed fails, unless
/// the object is small.
/// </summary>
public sealed partial class S3Storage : IStorageBackend
{
    private readonly ConcurrentDictionary<string, S3Appender> _appenders = new(StringComparer.Ordinal);
    private readonly S3WriteGate _gate = new();
    private readonly S3BucketState _state;
    private readonly TimeProvider _timeProvider;
    private readonly S3LeaseTimes _times;
    private readonly ILogger<S3Storage> _logger;

    private S3Storage(S3Bucket bucket, S3BucketState state, TimeProvider timeProvider, S3LeaseTimes times, ILogger<S3Storage> logger)
    {
        Bucket = bucket;
        _state = state;
        _timeProvider = timeProvider;
        _times = times;
        _logger = logger;
    }

    public string Description => Bucket.Description;

    /// <summary>Whether the bucket keeps objects until a date (object lock).</summary>
    public bool HasObjectLock => _state.HasObjectLock;

    internal S3Bucket Bucket { get; }

    /// <summary>Opens a bucket that exists, and checks that it does what a repository needs: conditional writes, and no default retention.</summary>
    /// <param name="options">Checked by the caller with <see cref="S3StorageOptions.Problems"/>.</param>
    /// <param name="timeProvider">The clock of the lock.</param>
    /// <param name="logger">For what an operator should know of the lock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Unavailable"/>: what is missing and what to do.</exception>
    public static Task<S3Storage> OpenAsync(
        S3StorageOptions options, TimeProvider timeProvider, ILogger<S3Storage> logger, CancellationToken cancellationToken) =>
        OpenAsync(options, timeProvider, new S3LeaseTimes(), logger, cancellationToken);

    internal static async Task<S3Storage> OpenAsync(
        S3StorageOptions options, TimeProvider timeProvider, S3LeaseTimes times, ILogger<S3Storage> logger, CancellationToken cancellationToken)
    {
        var bucket = new S3Bucket(options);
        try
        {
            var state = await bucket.ReadStateAsync(cancellationToken);
            bucket.Conditions = await S3ConditionCheck.RunAsync(bucket, state, cancellationToken);
            return new S3Storage(bucket, state, timeProvider, times, logger);
        }
        catch
        {
            bucket.Dispose();
            throw;
        }
    }

    /// <summary>Unknown: S3 has no request for it. A full one is noticed by the write that fails.</summary>
    public StorageCapacity? GetCapacity() => null;

    /// <summary>The first object below the prefix, or null when there is none.</summary>
    public async Task<string?> FindAnyAsync(CancellationToken cancellationToken)
    {
        await foreach (var item in Bucket.ListAsync(Bucket.Prefix, cancellationToken))
        {
            return item.Key;
        }

        return null;
    }

    public async Task<StorageObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        return IsUsuallyAppended(name)
            ? await FindAppendedAsync(name, cancellationToken) ?? await FindWholeAsync(name, cancellationToken)
            : await FindWholeAsync(name, cancellationToken) ?? await FindAppendedAsync(name, cancellationToken);
    }

    public async Task<IStorageReader?> OpenReadAsync(string name, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        return IsUsuallyAppended(name)
            ? await OpenAppendedAsync(name, cancellationToken) ?? await S3WholeReader.OpenAsync(this, name, cancellationToken)
            : await S3WholeReader.OpenAsync(this, name, cancellationToken) ?? await OpenAppendedAsync(name, cancellationToken);
    }

    public async IAsyncEnumerable<StorageObject> ListAsync(string folder, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        StorageNames.RequireName(folder);
        var row = new S3ListRow();
        var leftovers = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var item in Bucket.ListAsync(KeyOf(folder) + "/", cancellationToken))
        {
            var (key, kind, offset) = S3Names.Parse(item.Key);
            if (row.Key != key && TakeRow(row, leftovers) is { } complete)
            {
                yield return complete;
            }

            row.Take(key, kind, offset, item.Length);
        }

        if (TakeRow(row, leftovers) is { } last)
        {
            yield return last;
        }

        await RemoveLeftoversAsync(leftovers, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        Bucket.Dispose();
        return ValueTask.CompletedTask;
    }

    internal string KeyOf(string name) => Bucket.Prefix + name;

    internal S3Appender? AppenderOf(string name) => _appenders.GetValueOrDefault(name);

    internal void Forget(string name, S3Appender appender) => _appenders.TryRemove(KeyValuePair.Create(name, appender));

    // Only which of the two forms is looked for first.
    private static bool IsUsuallyAppended(string name) =>
        name.EndsWith(".pack", StringComparison.Ordinal) || name.EndsWith(".journal", StringComparison.Ordinal);

    private StorageObject? TakeRow(S3ListRow row, HashSet<string> leftovers)
    {
        var (key, length, exists, hasParts) = (row.Key, row.Length, row.Exists, row.HasParts);
        row.Clear();
        if (!exists)
        {
            if (hasParts)
            {
                leftovers.Add(key!);
            }

            return null;
        }

        var name = key![Bucket.Prefix.Length..];
        return new StorageObject(name, Math.Max(length, AppenderOf(name)?.Length ?? 0));
    }

    private async Task<StorageObject?> FindWholeAsync(string name, CancellationToken cancellationToken) =>
        await Bucket.HeadAsync(KeyOf(name), null, cancellationToken) is { } head ? new StorageObject(name, head.Length) : null;

    private async Task<StorageObject?> FindAppendedAsync(string name, CancellationToken cancellationToken) =>
        await S3Parts.ReadAsync(Bucket, KeyOf(name), cancellationToken) is { } parts
            ? new StorageObject(name, Math.Max(parts.Length, AppenderOf(name)?.Length ?? 0))
            : null;

    private async Task<IStorageReader?> OpenAppendedAsync(string name, CancellationToken cancellationToken) =>
        await S3Parts.ReadAsync(Bucket, KeyOf(name), cancellationToken) is { } parts ? new S3PartReader(this, name, parts) : null;
}
