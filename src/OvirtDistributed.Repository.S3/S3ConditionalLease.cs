// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>One object whose ETag changes with every write; every write asks for the ETag seen last.</summary>
internal sealed class S3ConditionalLease(S3Bucket bucket, string key) : IS3LeaseObject
{
    private S3Stored? _stored;

    public async Task<bool> TryTakeAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        var (etag, record) = await ReadAsync(cancellationToken);
        if (record is not null && !isFree(record))
        {
            return false;
        }

        var before = etag is null ? null : await bucket.HeadAsync(key, null, cancellationToken);
        _stored = await bucket.PutAsync(key, mine.Write(), etag is null ? S3Condition.Absent : S3Condition.Match(etag), cancellationToken);
        await RemoveAsync(before?.VersionId, cancellationToken);
        return _stored is not null;
    }

    public async Task<bool> TryRenewAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        var before = _stored!.VersionId;
        var stored = await bucket.PutAsync(key, mine.Write(), S3Condition.Match(_stored.ETag), cancellationToken);
        if (stored is null)
        {
            // A renewal whose answer was lost is recognized by its owner.
            var (etag, record) = await ReadAsync(cancellationToken);
            stored = record?.Owner == mine.Owner ? await bucket.PutAsync(key, mine.Write(), S3Condition.Match(etag!), cancellationToken) : null;
        }

        if (stored is null)
        {
            return false;
        }

        _stored = stored;
        await RemoveAsync(before, cancellationToken);
        return true;
    }

    private async Task<(string? ETag, S3LeaseRecord? Record)> ReadAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[S3LeaseRecord.MaxLength];
        return await bucket.GetAsync(key, 0, buffer, null, cancellationToken) is { } found
            ? (found.ETag, S3LeaseRecord.Require(buffer.AsSpan(0, found.Read), bucket, key))
            : (null, null);
    }

    // In a bucket with versions each write leaves the one before.
    private async Task RemoveAsync(string? versionId, CancellationToken cancellationToken)
    {
        if (versionId is not null && versionId != _stored?.VersionId && _stored is not null)
        {
            await bucket.DeleteAsync(key, versionId, cancellationToken);
        }
    }
}
