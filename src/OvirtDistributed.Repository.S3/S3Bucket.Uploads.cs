// SPDX-License-Identifier: Apache-2.0
using Amazon.S3;
using Amazon.S3.Model;

namespace OvirtDistributed.Repository.S3;

internal sealed partial class S3Bucket
{
    /// <summary>Begins an upload in pieces, marked with a token.</summary>
    public async Task<string> BeginUploadAsync(string key, string token, CancellationToken cancellationToken)
    {
        var request = new InitiateMultipartUploadRequest { BucketName = _bucket, Key = key };
        request.Metadata[TokenName] = token;
        return (await CallAsync($"begin {key}", cancel => _client.InitiateMultipartUploadAsync(request, cancel), cancellationToken)).UploadId;
    }

    public async Task<PartETag> UploadPieceAsync(string key, string uploadId, int number, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        using var body = StreamOf(content);
        var request = new UploadPartRequest { BucketName = _bucket, Key = key, UploadId = uploadId, PartNumber = number, InputStream = body, PartSize = content.Length };
        var answer = await CallAsync($"write {key}", cancel => _client.UploadPartAsync(request, cancel), cancellationToken);
        return new PartETag(number, answer.ETag);
    }

    /// <summary>Makes the object of the pieces. When the answer to an earlier attempt was lost, its mark proves that it is there.</summary>
    public Task<S3Stored> CompleteUploadAsync(string key, string uploadId, string token, List<PartETag> pieces, CancellationToken cancellationToken) =>
        CallAsync($"commit {key}", async cancel =>
        {
            try
            {
                var request = new CompleteMultipartUploadRequest { BucketName = _bucket, Key = key, UploadId = uploadId, PartETags = pieces };
                var answer = await _client.CompleteMultipartUploadAsync(request, cancel);
                return new S3Stored(answer.ETag, answer.VersionId);
            }
            catch (AmazonS3Exception exception) when (S3Failure.IsMissing(exception))
            {
                var found = await HeadAsync(key, null, cancel);
                if (found?.Token != token)
                {
                    throw;
                }

                return new S3Stored(found.ETag, found.VersionId);
            }
        }, cancellationToken);

    /// <summary>Gives an upload up; nothing happens when there is none.</summary>
    public Task AbortUploadAsync(string key, string uploadId, CancellationToken cancellationToken) => CallAsync($"give up {key}", async token =>
    {
        try
        {
            await _client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = _bucket, Key = key, UploadId = uploadId }, token);
        }
        catch (AmazonS3Exception exception) when (S3Failure.IsMissing(exception))
        {
            // Given up before.
        }

        return true;
    }, cancellationToken);

    /// <summary>Gives up all unfinished uploads below the prefix: of processes that are gone, when the caller holds the lock.</summary>
    public async Task AbortUploadsAsync(CancellationToken cancellationToken)
    {
        var request = new ListMultipartUploadsRequest { BucketName = _bucket, Prefix = Prefix };
        while (true)
        {
            var answer = await CallAsync($"list uploads of {Prefix}", token => _client.ListMultipartUploadsAsync(request, token), cancellationToken);
            foreach (var upload in answer.MultipartUploads ?? [])
            {
                await AbortUploadAsync(upload.Key, upload.UploadId, cancellationToken);
            }

            if (answer.IsTruncated != true)
            {
                return;
            }

            request = new ListMultipartUploadsRequest
            {
                BucketName = _bucket,
                Prefix = Prefix,
                KeyMarker = answer.NextKeyMarker,
                UploadIdMarker = answer.NextUploadIdMarker,
            };
        }
    }
}
