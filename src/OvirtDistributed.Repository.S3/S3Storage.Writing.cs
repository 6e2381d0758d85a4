// SPDX-License-Identifier: Apache-2.0
using Amazon.S3.Model;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

public sealed partial class S3Storage
{
    public Task<bool> PutAsync(string name, ReadOnlyMemory<byte> content, StoragePutMode mode, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        return _gate.RunAsync($"write {name}", token => PutGatedAsync(name, content, mode, token), cancellationToken);
    }

    public Task<IStorageWriter> CreateWriterAsync(string name, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        return Task.FromResult<IStorageWriter>(new S3Writer(this, name));
    }

    public async Task<IStorageAppender> OpenAppendAsync(string name, bool create, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        var appender = create
            ? await _gate.RunAsync($"create {name}", token => CreateAppendedAsync(name, token), cancellationToken)
            : await ContinueAppendedAsync(name, cancellationToken);
        _appenders[name] = appender;
        return appender;
    }

    public async Task<IAsyncDisposable?> TryLockAsync(string name, CancellationToken cancellationToken)
    {
        StorageNames.RequireName(name);
        _gate.ThrowIfTaken($"lock {name}");
        var request = new S3Lease.Request(Bucket, KeyOf(name), _timeProvider, _times, _logger, _gate.Release);
        if (await S3Lease.TryTakeAsync(request, cancellationToken) is not { } lease)
        {
            return null;
        }

        _gate.Guard(lease);
        try
        {
            // Who holds the lock is the only writer, so whatever is unfinished belongs to a process that is gone.
            await Bucket.AbortUploadsAsync(cancellationToken);
        }
        catch (RepositoryException exception)
        {
            Log.UploadsLeft(_logger, Description, exception.Message);
        }
        catch
        {
            await lease.DisposeAsync();
            throw;
        }

        return lease;
    }

    internal Task WritePartAsync(string name, long offset, ReadOnlyMemory<byte> content, string mark, CancellationToken cancellationToken) =>
        _gate.RunAsync($"append to {name}", async token =>
        {
            if (await Bucket.PutAsync(S3Names.PartOf(KeyOf(name), offset), content, S3Condition.Absent, mark, token) is null)
            {
                throw new RepositoryException(
                    RepositoryError.Unavailable, $"append to {name}: something else was appended at byte {offset}; make sure that only one Data Mover serves the repository");
            }
        }, cancellationToken);

    internal Task<string> BeginUploadAsync(string name, string mark, CancellationToken cancellationToken) =>
        _gate.RunAsync($"write {name}", token => Bucket.BeginUploadAsync(KeyOf(name), mark, token), cancellationToken);

    internal Task<PartETag> UploadPieceAsync(string name, string uploadId, int number, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        _gate.RunAsync($"write {name}", token => Bucket.UploadPieceAsync(KeyOf(name), uploadId, number, content, token), cancellationToken);

    internal Task CommitUploadAsync(string name, string uploadId, string mark, List<PartETag> pieces, CancellationToken cancellationToken) =>
        _gate.RunAsync($"commit {name}", async token =>
        {
            await RequireReplaceableAsync(name, token);
            var stored = await Bucket.CompleteUploadAsync(KeyOf(name), uploadId, mark, pieces, token);
            await RemoveReplacedAsync(name, stored, token);
        }, cancellationToken);

    private async Task<bool> PutGatedAsync(string name, ReadOnlyMemory<byte> content, StoragePutMode mode, CancellationToken cancellationToken)
    {
        if (mode == StoragePutMode.CreateOnly)
        {
            return !await HasHeadAsync(name, cancellationToken)
                && await Bucket.PutAsync(KeyOf(name), content, S3Condition.Absent, cancellationToken) is not null;
        }

        await RequireReplaceableAsync(name, cancellationToken);
        var stored = await Bucket.PutAsync(KeyOf(name), content, S3Condition.None, cancellationToken);
        await RemoveReplacedAsync(name, stored!, cancellationToken);
        return true;
    }

    // A bucket with object lock keeps a retained version, but lets a new one cover it: then readers would get what was to be protected no more.
    private async Task RequireReplaceableAsync(string name, CancellationToken cancellationToken)
    {
        if (_state.HasObjectLock && await Bucket.HeadAsync(KeyOf(name), null, cancellationToken) is { } head && head.RetainedUntil > _timeProvider.GetUtcNow())
        {
            throw Retained($"replace {name}", head.RetainedUntil.Value);
        }
    }

    private async Task RemoveReplacedAsync(string name, S3Stored stored, CancellationToken cancellationToken)
    {
        if (_state.KeepsVersions)
        {
            foreach (var old in await KeysOfAsync(name, cancellationToken))
            {
                // Its removal frees space and changes nothing else; one that is refused is removed with the object.
                if (old.VersionId != stored.VersionId && !old.IsLatest)
                {
                    await Bucket.DeleteAsync(old.Key, old.VersionId, cancellationToken);
                }
            }
        }
        else if (await HasHeadAsync(name, cancellationToken))
        {
            await RemoveKeysAsync(name, (await KeysOfAsync(name, cancellationToken)).Where(item => item.Key != KeyOf(name)), cancellationToken);
        }
    }

    private async Task<bool> HasHeadAsync(string name, CancellationToken cancellationToken) =>
        await Bucket.HeadAsync(S3Names.HeadOf(KeyOf(name)), null, cancellationToken) is not null;

    private async Task<S3Appender> CreateAppendedAsync(string name, CancellationToken cancellationToken)
    {
        // Parts that a removal left behind would become the beginning of this object.
        var keys = await KeysOfAsync(name, cancellationToken);
        if (keys.Exists(item => item.IsLatest && S3Names.Parse(item.Key).Kind is S3KeyKind.Whole or S3KeyKind.Head))
        {
            throw Exists(name);
        }

        await RemoveKeysAsync(name, keys, cancellationToken);
        if (await Bucket.PutAsync(S3Names.HeadOf(KeyOf(name)), ReadOnlyMemory<byte>.Empty, S3Condition.Absent, cancellationToken) is null)
        {
            throw Exists(name);
        }

        return new S3Appender(this, name, 0);
    }

    private async Task<S3Appender> ContinueAppendedAsync(string name, CancellationToken cancellationToken)
    {
        var parts = await S3Parts.ReadAsync(Bucket, KeyOf(name), cancellationToken)
            ?? throw new RepositoryException(RepositoryError.Unavailable, $"open {name} to append: there is no such object");
        return new S3Appender(this, name, parts.Length);
    }

    private static RepositoryException Exists(string name) => new(RepositoryError.Unavailable, $"create {name}: it exists");
}
