// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>Proves that the server refuses a write whose condition does not hold: the lock and every create-only write rest on it.</summary>
internal static class S3ConditionCheck
{
    public static async Task RunAsync(S3Bucket bucket, CancellationToken cancellationToken)
    {
        var key = $"{bucket.Prefix}locks/check-{Guid.NewGuid():N}";
        var versions = new List<string?>();
        try
        {
            versions.Add((await bucket.PutAsync(key, new byte[1], S3Condition.Absent, cancellationToken))?.VersionId);
            Require(await bucket.PutAsync(key, new byte[2], S3Condition.Absent, cancellationToken), versions, bucket, "If-None-Match: *");
            Require(
                await bucket.PutAsync(key, new byte[3], S3Condition.Match("\"00000000000000000000000000000000\""), cancellationToken), versions, bucket, "If-Match");
        }
        finally
        {
            foreach (var version in versions)
            {
                await bucket.DeleteAsync(key, version, CancellationToken.None);
            }
        }
    }

    private static void Require(S3Stored? stored, List<string?> versions, S3Bucket bucket, string condition)
    {
        if (stored is not null)
        {
            versions.Add(stored.VersionId);
            throw new RepositoryException(
                RepositoryError.Unavailable,
                $"{bucket.Description}: the server ignores '{condition}' on writes, so two Data Movers could overwrite each other; use a server or a newer version that supports conditional writes");
        }
    }
}
