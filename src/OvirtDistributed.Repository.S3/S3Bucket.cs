// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using Amazon.S3;
using Amazon.S3.Model;

namespace OvirtDistributed.Repository.S3;

/// <summary>The requests on one bucket, with failures as the boundary has them. Knows nothing of objects that consist of parts. Safe for concurrent use.</summary>
internal sealed partial class S3Bucket : IDisposable
{
    // Attempts of what the client library does not repeat: a body that breaks off, a conflict of conditional writes.
    private const int Attempts = 4;

    private const string TokenName = "ovd-write";

    private readonly AmazonS3Client _client;
    private readonly string _bucket;

    public S3Bucket(S3StorageOptions options)
    {
        _client = S3Connection.Open(options);
        _bucket = options.Bucket!;
        Prefix = options.KeyPrefix;
        Description = $"s3://{_bucket}/{Prefix} at {options.Endpoint}";
    }

    public string Prefix { get; }

    public string Description { get; }

    /// <summary>Set once, before the first conditional write that matters.</summary>
    public S3Conditions Conditions { get; set; }

    /// <summary>Writes a key. Under a condition the write is repeatable: what an attempt wrote whose answer was lost is recognized.</summary>
    /// <returns>Null, and no change, when the condition does not hold.</returns>
    public Task<S3Stored?> PutAsync(string key, ReadOnlyMemory<byte> content, S3Condition condition, CancellationToken cancellationToken) =>
        PutAsync(key, content, condition, NewToken(), cancellationToken);

    /// <summary>The same with a mark of the caller's, so that also a later call recognizes what this one wrote.</summary>
    public async Task<S3Stored?> PutAsync(
        string key, ReadOnlyMemory<byte> content, S3Condition condition, string token, CancellationToken cancellationToken)
    {
        if (condition.MustBeAbsent && Conditions == S3Conditions.ByVersions)
        {
            return await PutFirstVersionAsync(key, content, token, cancellationToken);
        }

        for (var attempt = 1; ; attempt++)
        {
            var (stored, refusal) = await TryPutAsync(key, content, condition, token, cancellationToken);
            if (stored is not null)
            {
                return stored;
            }

            var found = await HeadAsync(key, null, cancellationToken);
            if (found?.Token == token)
            {
                return new S3Stored(found.ETag, found.VersionId);
            }

            if (!S3Failure.IsConflict(refusal!) || attempt == Attempts)
            {
                return null;
            }
        }
    }

    /// <summary>What is known of a key without its content, or null.</summary>
    public Task<S3Head?> HeadAsync(string key, string? versionId, CancellationToken cancellationToken) => CallAsync($"look up {key}", async token =>
    {
        try
        {
            var request = new GetObjectMetadataRequest { BucketName = _bucket, Key = key, VersionId = versionId };
            var answer = await _client.GetObjectMetadataAsync(request, token);
            var until = answer.ObjectLockRetainUntilDate is { } date ? new DateTimeOffset(date.ToUniversalTime()) : default(DateTimeOffset?);
            return new S3Head(answer.ContentLength, answer.ETag, answer.VersionId, answer.Metadata[TokenName], until);
        }
        catch (AmazonS3Exception exception) when (S3Failure.IsMissing(exception))
        {
            return null;
        }
    }, cancellationToken);

    /// <summary>Reads a range into a buffer, until it is full or the key's content ends. Bodies that break off are asked for again.</summary>
    /// <returns>Bytes read, total length and ETag; null when there is no such key. A range behind the end reads nothing and has length -1.</returns>
    public Task<S3Range?> GetAsync(string key, long offset, Memory<byte> buffer, string? etag, CancellationToken cancellationToken) =>
        GetAsync(new GetObjectRequest { BucketName = _bucket, Key = key, EtagToMatch = etag }, offset, buffer, cancellationToken);

    /// <summary>Reads the beginning of one version; null when it is gone.</summary>
    public Task<S3Range?> GetVersionAsync(string key, string? versionId, Memory<byte> buffer, CancellationToken cancellationToken) =>
        GetAsync(new GetObjectRequest { BucketName = _bucket, Key = key, VersionId = versionId }, 0, buffer, cancellationToken);

    private async Task<S3Range?> GetAsync(GetObjectRequest request, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var read = 0;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var range = await GetOnceAsync(request, offset + read, buffer[read..], count => read += count, cancellationToken);
                return range is null ? null : range with { Read = read };
            }
            catch (Exception exception) when (attempt < Attempts && IsBrokenBody(exception, cancellationToken))
            {
                // What arrived stays; the next request begins behind it.
            }
            catch (Exception exception) when (S3Failure.IsExpected(exception, cancellationToken))
            {
                throw S3Failure.From(exception, $"read {request.Key}");
            }
        }
    }

    /// <summary>A mark that no other write has.</summary>
    public static string NewToken() => Guid.NewGuid().ToString("N");

    public void Dispose() => _client.Dispose();

    private static bool IsBrokenBody(Exception exception, CancellationToken cancellationToken) =>
        exception is IOException or HttpRequestException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private static MemoryStream StreamOf(ReadOnlyMemory<byte> content) => MemoryMarshal.TryGetArray(content, out var array)
        ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
        : new MemoryStream(content.ToArray(), writable: false);

    private static async Task<T> CallAsync<T>(string what, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call(cancellationToken);
        }
        catch (Exception exception) when (S3Failure.IsExpected(exception, cancellationToken))
        {
            throw S3Failure.From(exception, what);
        }
    }

    private Task<(S3Stored? Stored, AmazonS3Exception? Refusal)> TryPutAsync(
        string key, ReadOnlyMemory<byte> content, S3Condition condition, string token, CancellationToken cancellationToken) =>
        CallAsync<(S3Stored?, AmazonS3Exception?)>($"write {key}", async cancel =>
        {
            using var body = StreamOf(content);
            var request = new PutObjectRequest
            {
                BucketName = _bucket,
                Key = key,
                InputStream = body,
                AutoCloseStream = false,
                IfNoneMatch = condition.MustBeAbsent ? "*" : null,
                IfMatch = Conditions == S3Conditions.Quoted ? condition.MustMatch : condition.MustMatch?.Trim('"'),
            };
            request.Metadata[TokenName] = token;
            try
            {
                var answer = await _client.PutObjectAsync(request, cancel);
                return (new S3Stored(answer.ETag, answer.VersionId), null);
            }
            catch (AmazonS3Exception exception) when (IsRefusal(exception, condition))
            {
                return (null, exception);
            }
        }, cancellationToken);

    // Of several that create a key at once, the oldest version wins and the others take theirs back: the order is the server's, all see the same.
    private async Task<S3Stored?> PutFirstVersionAsync(string key, ReadOnlyMemory<byte> content, string token, CancellationToken cancellationToken)
    {
        if (await HeadAsync(key, null, cancellationToken) is { } found)
        {
            return found.Token == token ? new S3Stored(found.ETag, found.VersionId) : null;
        }

        var (stored, _) = await TryPutAsync(key, content, S3Condition.None, token, cancellationToken);
        var oldest = (await VersionsOfAsync(key, cancellationToken))[^1];
        if (oldest.VersionId == stored!.VersionId || (await HeadAsync(key, oldest.VersionId, cancellationToken))?.Token == token)
        {
            return stored;
        }

        await DeleteAsync(key, stored.VersionId, cancellationToken);
        return null;
    }

    private static bool IsRefusal(AmazonS3Exception exception, S3Condition condition) =>
        (condition != S3Condition.None && S3Failure.IsRefusedCondition(exception)) || (condition.MustMatch is not null && S3Failure.IsMissing(exception));

    private async Task<S3Range?> GetOnceAsync(
        GetObjectRequest request, long offset, Memory<byte> buffer, Action<int> arrived, CancellationToken cancellationToken)
    {
        if (buffer.IsEmpty)
        {
            return new S3Range(0, -1, "");
        }

        request.ByteRange = new ByteRange(offset, offset + buffer.Length - 1);
        try
        {
            using var answer = await _client.GetObjectAsync(request, cancellationToken);
            await ReadBodyAsync(answer, buffer, arrived, cancellationToken);
            return new S3Range(0, TotalOf(answer), answer.ETag);
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return new S3Range(0, -1, "");
        }
        catch (AmazonS3Exception exception) when (S3Failure.IsMissing(exception))
        {
            return null;
        }
    }

    // The time limit begins anew with every piece: a slow network is no failure, a silent one is.
    private static async Task ReadBodyAsync(GetObjectResponse answer, Memory<byte> buffer, Action<int> arrived, CancellationToken cancellationToken)
    {
        var expected = (int)Math.Min(buffer.Length, answer.ContentLength);
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        for (var total = 0; total < expected;)
        {
            idle.CancelAfter(S3Connection.AnswerTimeout);
            var count = await answer.ResponseStream.ReadAsync(buffer[total..expected], idle.Token);
            if (count == 0)
            {
                throw new IOException($"the content ended after {total} of {expected} bytes");
            }

            total += count;
            arrived(count);
        }
    }

    // "bytes 0-99/1234"
    private static long TotalOf(GetObjectResponse answer)
    {
        var slash = answer.ContentRange?.LastIndexOf('/') ?? -1;
        return slash >= 0 && long.TryParse(answer.ContentRange.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var total)
            ? total
            : answer.ContentLength;
    }
}
