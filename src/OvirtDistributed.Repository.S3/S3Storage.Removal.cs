// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

public sealed partial class S3Storage
{
    private const int Parallel = 8;

    /// <summary>
    /// Removes an object with all its versions. The head goes first: with it the object is gone as a whole, and never a shortened one is left. Parts
    /// that a crash leaves are removed when their folder is listed under the lock, or their name is used again.
    /// </summary>
    public Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        return _gate.RunAsync(
            $"delete {name}", async token => await RemoveKeysAsync(name, await KeysOfAsync(name, token), token), cancellationToken);
    }

    public Task<bool> ProtectAsync(string name, DateTimeOffset until, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        return _state.HasObjectLock
            ? _gate.RunAsync($"protect {name}", token => ProtectGatedAsync(name, until, token), cancellationToken)
            : Task.FromResult(false);
    }

    private async Task<bool> ProtectGatedAsync(string name, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var key = KeyOf(name);
        if (await RetainAsync(key, until, cancellationToken))
        {
            return true;
        }

        if (await S3Parts.ReadAsync(Bucket, key, cancellationToken) is not { } parts)
        {
            return false;
        }

        // The head first: a removal begins with it, so that while it is retained nothing of the object goes.
        await RetainAsync(S3Names.HeadOf(key), until, cancellationToken);
        var limits = new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken };
        await System.Threading.Tasks.Parallel.ForEachAsync(parts.Keys(key), limits, async (part, token) => await RetainAsync(part, until, token));
        return true;
    }

    // False when there is no such key.
    private async Task<bool> RetainAsync(string key, DateTimeOffset until, CancellationToken cancellationToken)
    {
        if (await Bucket.HeadAsync(key, null, cancellationToken) is not { } head)
        {
            return false;
        }

        // Servers keep whole seconds: rounded up, never a moment less than promised.
        var rounded = new DateTimeOffset((until.UtcTicks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond * TimeSpan.TicksPerSecond, TimeSpan.Zero);
        if (head.RetainedUntil is null || head.RetainedUntil < rounded)
        {
            await Bucket.RetainAsync(key, rounded, cancellationToken);
        }

        return true;
    }

    /// <summary>All keys of an object; of a bucket with versions all of those, delete markers too.</summary>
    private async Task<List<S3Key>> KeysOfAsync(string name, CancellationToken cancellationToken)
    {
        var key = KeyOf(name);
        var found = new List<S3Key>();

        // Two lists: between the name and what belongs to it may be any number of longer names.
        foreach (var prefix in new[] { key, S3Names.HeadOf(key) })
        {
            var items = _state.KeepsVersions ? Bucket.ListVersionsAsync(prefix, cancellationToken) : Bucket.ListAsync(prefix, cancellationToken);
            await foreach (var item in items)
            {
                if (prefix == key && item.Key != key)
                {
                    break;
                }

                found.Add(item);
            }
        }

        return found;
    }

    private async Task RemoveKeysAsync(string name, IEnumerable<S3Key> keys, CancellationToken cancellationToken)
    {
        var all = keys.ToList();

        // Older versions before the one that covers them, or what was replaced would come back for a moment.
        foreach (var item in all.Where(IsRoot).OrderBy(item => item.IsLatest))
        {
            await RemoveKeyAsync(name, item, cancellationToken);
        }

        var limits = new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken };
        await System.Threading.Tasks.Parallel.ForEachAsync(
            all.Where(item => !IsRoot(item)), limits, async (item, token) => await RemoveKeyAsync(name, item, token));

        static bool IsRoot(S3Key item) => S3Names.Parse(item.Key).Kind is S3KeyKind.Whole or S3KeyKind.Head;
    }

    private async Task RemoveKeyAsync(string name, S3Key item, CancellationToken cancellationToken)
    {
        if (await Bucket.DeleteAsync(item.Key, item.VersionId, cancellationToken))
        {
            return;
        }

        var head = _state.HasObjectLock ? await Bucket.HeadAsync(item.Key, item.VersionId, cancellationToken) : null;
        throw head?.RetainedUntil is { } until
            ? Retained($"delete {name}", until)
            : new RepositoryException(RepositoryError.Unavailable, $"delete {name}: access denied; check that the access key may delete objects and their versions, and that there is no legal hold");
    }

    // What a removal left that a crash ended. A head that is missing now does not come back: names are created under the lock, which is ours.
    private async Task RemoveLeftoversAsync(HashSet<string> keys, CancellationToken cancellationToken)
    {
        foreach (var name in keys.Select(key => key[Bucket.Prefix.Length..]))
        {
            if (_gate.IsLocked && AppenderOf(name) is null && !await HasHeadAsync(name, cancellationToken))
            {
                await DeleteAsync(name, cancellationToken);
            }
        }
    }

    private static RepositoryException Retained(string what, DateTimeOffset until) =>
        new(RepositoryError.PointLocked, $"{what}: the object is protected until {until.UtcDateTime:u}; the storage keeps it until then");
}
