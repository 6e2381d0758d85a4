// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>
/// A lease where the server checks no conditions but keeps versions. Who wants it writes a version that claims it and looks at all others; when none of
/// somebody else counts, it writes one that confirms, and looks again. The owner writes each renewal before it removes the version before, and then looks
/// for a confirmed one of somebody else. Of one that renews and one that confirms, whoever looks later sees the other: never both go on, both may stop.
/// </summary>
internal sealed class S3VersionedLease(S3Bucket bucket, string key) : IS3LeaseObject
{
    public async Task<bool> TryTakeAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        bool Blocks(S3LeaseRecord other) => other.Owner != mine.Owner && !isFree(other);
        return !await AnyAsync(Blocks, cancellationToken)
            && await WriteAsync(mine with { Confirmed = false }, Blocks, cancellationToken) is { } claim
            && await ConfirmAsync(mine, claim, Blocks, isFree, cancellationToken);
    }

    public async Task<bool> TryRenewAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        var stored = await WriteAsync(mine, other => other.Confirmed && other.Owner != mine.Owner && !isFree(other), cancellationToken);
        await RemoveAsync(mine, stored, isFree, cancellationToken);
        return stored is not null;
    }

    private async Task<bool> ConfirmAsync(
        S3LeaseRecord mine, S3Stored claim, Func<S3LeaseRecord, bool> blocks, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        var stored = await WriteAsync(mine, blocks, cancellationToken);
        if (stored is null)
        {
            await bucket.DeleteAsync(key, claim.VersionId, cancellationToken);
            return false;
        }

        await RemoveAsync(mine, stored, isFree, cancellationToken);
        return true;
    }

    // Null, and taken back, when a version of somebody else is in the way.
    private async Task<S3Stored?> WriteAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> blocks, CancellationToken cancellationToken)
    {
        var stored = await bucket.PutAsync(key, mine.Write(), S3Condition.None, cancellationToken);
        if (!await AnyAsync(blocks, cancellationToken))
        {
            return stored;
        }

        await bucket.DeleteAsync(key, stored!.VersionId, cancellationToken);
        return null;
    }

    private async Task<bool> AnyAsync(Func<S3LeaseRecord, bool> condition, CancellationToken cancellationToken)
    {
        foreach (var version in await bucket.VersionsOfAsync(key, cancellationToken))
        {
            if (await ReadAsync(version, cancellationToken) is { } record && condition(record))
            {
                return true;
            }
        }

        return false;
    }

    // Removes what the version just written replaces; without one, all that is this owner's.
    private async Task RemoveAsync(S3LeaseRecord mine, S3Stored? stored, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken)
    {
        foreach (var version in await bucket.VersionsOfAsync(key, cancellationToken))
        {
            if (version.VersionId != stored?.VersionId && await ReadAsync(version, cancellationToken) is { } record && (record.Owner == mine.Owner || isFree(record)))
            {
                await bucket.DeleteAsync(key, version.VersionId, cancellationToken);
            }
        }
    }

    private async Task<S3LeaseRecord?> ReadAsync(S3Key version, CancellationToken cancellationToken)
    {
        var buffer = new byte[S3LeaseRecord.MaxLength];
        return await bucket.GetVersionAsync(key, version.VersionId, buffer, cancellationToken) is { } found
            ? S3LeaseRecord.Require(buffer.AsSpan(0, found.Read), bucket, key)
            : null;
    }
}
