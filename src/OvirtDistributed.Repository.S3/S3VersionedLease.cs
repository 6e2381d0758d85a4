// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>
/// A lease where the server checks no conditions but keeps versions. Who wants it writes a version and then looks at all: when there is one of somebody
/// else that still counts, it takes its own back. Of two that write, the one that looks later sees the other, so never both have it; both may fail.
/// The owner writes the new version before it removes the old one, so that there is one at any time.
/// </summary>
internal sealed class S3VersionedLease(S3Bucket bucket, string key) : IS3LeaseObject
{
    public async Task<bool> TryTakeAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken) =>
        !await IsHeldByAnotherAsync(mine.Owner, isFree, cancellationToken) && await WriteAsync(mine, static () => false, isFree, cancellationToken);

    public Task<bool> TryRenewAsync(
        S3LeaseRecord mine, Func<bool> isValid, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken) =>
        WriteAsync(mine, isValid, isFree, cancellationToken);

    private async Task<bool> WriteAsync(S3LeaseRecord mine, Func<bool> isValid, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        var stored = await bucket.PutAsync(key, mine.Write(), S3Condition.None, cancellationToken);
        if (!isValid() && await IsHeldByAnotherAsync(mine.Owner, isFree, cancellationToken))
        {
            await bucket.DeleteAsync(key, stored!.VersionId, cancellationToken);
            return false;
        }

        foreach (var version in await bucket.VersionsOfAsync(key, cancellationToken))
        {
            if (version.VersionId != stored!.VersionId && await ReadAsync(version, cancellationToken) is { } record && (record.Owner == mine.Owner || isFree(record)))
            {
                await bucket.DeleteAsync(key, version.VersionId, cancellationToken);
            }
        }

        return true;
    }

    private async Task<bool> IsHeldByAnotherAsync(Guid owner, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        foreach (var version in await bucket.VersionsOfAsync(key, cancellationToken))
        {
            if (await ReadAsync(version, cancellationToken) is { } record && record.Owner != owner && !isFree(record))
            {
                return true;
            }
        }

        return false;
    }

    private async Task<S3LeaseRecord?> ReadAsync(S3Key version, CancellationToken cancellationToken)
    {
        var buffer = new byte[S3LeaseRecord.MaxLength];
        return await bucket.GetVersionAsync(key, version.VersionId, buffer, cancellationToken) is { } found
            ? S3LeaseRecord.Require(buffer.AsSpan(0, found.Read), bucket, key)
            : null;
    }
}
