// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;

namespace OvirtDistributed.Repository.S3;

internal sealed partial class S3Bucket
{
    /// <summary>All keys that begin so, in order.</summary>
    public async IAsyncEnumerable<S3Key> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? next = null;
        do
        {
            var request = new ListObjectsV2Request { BucketName = _bucket, Prefix = prefix, ContinuationToken = next };
            var answer = await CallAsync($"list {prefix}", token => _client.ListObjectsV2Async(request, token), cancellationToken);
            foreach (var item in answer.S3Objects ?? [])
            {
                yield return new S3Key(item.Key, item.Size ?? 0, null, true);
            }

            next = answer.IsTruncated == true ? answer.NextContinuationToken : null;
        }
        while (next is not null);
    }

    /// <summary>All versions and delete markers of keys that begin so.</summary>
    public async IAsyncEnumerable<S3Key> ListVersionsAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListVersionsRequest { BucketName = _bucket, Prefix = prefix };
        while (true)
        {
            var answer = await CallAsync($"list versions of {prefix}", token => _client.ListVersionsAsync(request, token), cancellationToken);
            foreach (var item in answer.Versions ?? [])
            {
                yield return new S3Key(item.Key, item.Size ?? 0, item.VersionId, item.IsLatest == true);
            }

            if (answer.IsTruncated != true)
            {
                yield break;
            }

            request = new ListVersionsRequest
            {
                BucketName = _bucket,
                Prefix = prefix,
                KeyMarker = answer.NextKeyMarker,
                VersionIdMarker = answer.NextVersionIdMarker,
            };
        }
    }

    /// <summary>The versions of one key, newest first.</summary>
    public async Task<List<S3Key>> VersionsOfAsync(string key, CancellationToken cancellationToken)
    {
        var versions = new List<S3Key>();
        await foreach (var item in ListVersionsAsync(key, cancellationToken))
        {
            if (item.Key != key)
            {
                break;
            }

            versions.Add(item);
        }

        return versions;
    }

    /// <summary>Removes one version, or the key of a bucket without versions. Nothing happens when it is not there.</summary>
    /// <returns>False when the storage refuses the removal.</returns>
    public Task<bool> DeleteAsync(string key, string? versionId, CancellationToken cancellationToken) => CallAsync($"delete {key}", async token =>
    {
        try
        {
            await _client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = _bucket, Key = key, VersionId = versionId }, token);
            return true;
        }
        catch (AmazonS3Exception exception) when (S3Failure.IsMissing(exception))
        {
            return true;
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.Forbidden && exception.ErrorCode == "AccessDenied")
        {
            return false;
        }
    }, cancellationToken);

    /// <summary>Retains the key in compliance mode until a date, whole seconds.</summary>
    public Task RetainAsync(string key, DateTimeOffset until, CancellationToken cancellationToken) => CallAsync(
        $"protect {key}",
        token => _client.PutObjectRetentionAsync(
            new PutObjectRetentionRequest
            {
                BucketName = _bucket,
                Key = key,
                Retention = new ObjectLockRetention { Mode = ObjectLockRetentionMode.Compliance, RetainUntilDate = until.UtcDateTime },
            },
            token),
        cancellationToken);

    /// <summary>What the bucket can do.</summary>
    /// <exception cref="RepositoryException">The bucket cannot be reached or used, or has a default retention.</exception>
    public async Task<S3BucketState> ReadStateAsync(CancellationToken cancellationToken)
    {
        var versioning = await CallAsync(
            $"{Description}: read whether the bucket keeps versions",
            token => _client.GetBucketVersioningAsync(new GetBucketVersioningRequest { BucketName = _bucket }, token),
            cancellationToken);
        var locking = await ReadLockAsync(cancellationToken);
        if (locking?.Rule?.DefaultRetention is { } standing)
        {
            throw new RepositoryException(
                RepositoryError.Unavailable,
                $"{Description}: the bucket has a default retention ({standing.Mode}, {standing.Days} days, {standing.Years} years), which would keep every renewal of a lock and "
                + "every removed object; remove the default, object lock itself may stay: retention is set object by object");
        }

        // "Suspended" too: versions from before may be there.
        var status = versioning.VersioningConfig?.Status;
        return new S3BucketState(status is not null && status != VersionStatus.Off, status == VersionStatus.Enabled, locking is not null);
    }

    private Task<ObjectLockConfiguration?> ReadLockAsync(CancellationToken cancellationToken) =>
        CallAsync($"{Description}: read whether the bucket has object lock", async token =>
        {
            try
            {
                var request = new GetObjectLockConfigurationRequest { BucketName = _bucket };
                var answer = await _client.GetObjectLockConfigurationAsync(request, token);
                return answer.ObjectLockConfiguration?.ObjectLockEnabled == ObjectLockEnabled.Enabled ? answer.ObjectLockConfiguration : null;
            }
            catch (AmazonS3Exception exception) when (S3Failure.IsMissing(exception) || exception.StatusCode is HttpStatusCode.NotImplemented or HttpStatusCode.Conflict)
            {
                return null;
            }
        }, cancellationToken);
}
