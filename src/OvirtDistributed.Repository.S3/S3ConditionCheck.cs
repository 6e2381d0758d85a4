// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>Finds out how the server is made to refuse a write whose condition does not hold: the lock and every create-only write rest on it.</summary>
internal static class S3ConditionCheck
{
    private const string WrongETag = "\"00000000000000000000000000000000\"";

    /// <summary>Tries it on an object of its own, which is removed.</summary>
    /// <exception cref="RepositoryException">There is no way.</exception>
    public static async Task<S3Conditions> RunAsync(S3Bucket bucket, S3BucketState state, CancellationToken cancellationToken)
    {
        var key = $"{bucket.Prefix}locks/check-{Guid.NewGuid():N}";
        try
        {
            foreach (var conditions in new[] { S3Conditions.Quoted, S3Conditions.Bare })
            {
                bucket.Conditions = conditions;
                if (await AreKeptAsync(bucket, key, cancellationToken))
                {
                    return conditions;
                }
            }
        }
        finally
        {
            await RemoveAsync(bucket, state, key);
        }

        return state.MakesVersions
            ? S3Conditions.ByVersions
            : throw new RepositoryException(
                RepositoryError.Unavailable,
                $"{bucket.Description}: the server ignores 'If-None-Match: *' or 'If-Match' on writes, so two Data Movers could overwrite each other; "
                + "use a server that supports conditional writes, or switch on versioning for the bucket");
    }

    private static async Task<bool> AreKeptAsync(S3Bucket bucket, string key, CancellationToken cancellationToken)
    {
        _ = await bucket.PutAsync(key, new byte[1], S3Condition.None, cancellationToken);
        if (await bucket.PutAsync(key, new byte[2], S3Condition.Absent, cancellationToken) is not null
            || await bucket.PutAsync(key, new byte[3], S3Condition.Match(WrongETag), cancellationToken) is not null)
        {
            return false;
        }

        var etag = (await bucket.HeadAsync(key, null, cancellationToken))?.ETag;
        return etag is not null && await bucket.PutAsync(key, new byte[4], S3Condition.Match(etag), cancellationToken) is not null;
    }

    private static async Task RemoveAsync(S3Bucket bucket, S3BucketState state, string key)
    {
        using var limit = new CancellationTokenSource(S3Connection.AnswerTimeout);
        if (!state.KeepsVersions)
        {
            await bucket.DeleteAsync(key, null, limit.Token);
            return;
        }

        foreach (var version in await bucket.VersionsOfAsync(key, limit.Token))
        {
            await bucket.DeleteAsync(key, version.VersionId, limit.Token);
        }
    }
}
