// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Amazon.Runtime;
using Amazon.S3;

namespace OvirtDistributed.Repository.S3;

/// <summary>Turns what the client library throws into the boundary's exception.</summary>
internal static class S3Failure
{
    /// <summary>Whether it is a failure of storage or network, and neither a bug nor the caller's cancellation.</summary>
    public static bool IsExpected(Exception exception, CancellationToken cancellationToken) =>
        exception is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or UnauthorizedAccessException or TimeoutException
        || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    public static bool IsMissing(AmazonS3Exception exception) => exception.StatusCode == HttpStatusCode.NotFound && exception.ErrorCode != "NoSuchBucket";

    /// <summary>A condition of a write did not hold, or another conditional write is under way.</summary>
    public static bool IsRefusedCondition(AmazonS3Exception exception) =>
        exception.StatusCode is HttpStatusCode.PreconditionFailed || IsConflict(exception);

    public static bool IsConflict(AmazonS3Exception exception) =>
        exception.StatusCode == HttpStatusCode.Conflict && exception.ErrorCode is "ConditionalRequestConflict" or "OperationAborted";

    public static RepositoryException From(Exception exception, string what) => exception switch
    {
        AmazonS3Exception { ErrorCode: "QuotaExceeded" or "InsufficientStorage" or "XMinioStorageFull" or "ServiceQuotaExceededException" }
            or AmazonS3Exception { StatusCode: HttpStatusCode.InsufficientStorage } =>
            new RepositoryException(RepositoryError.NoSpace, $"{what}: the storage is full or its quota is used up; free space or raise it", exception),
        AmazonS3Exception { ErrorCode: "NoSuchBucket" } =>
            new RepositoryException(RepositoryError.Unavailable, $"{what}: the bucket does not exist; create it, or correct the setting Bucket", exception),
        AmazonS3Exception { ErrorCode: "InvalidAccessKeyId" or "SignatureDoesNotMatch" } failure =>
            new RepositoryException(RepositoryError.Unavailable, $"{what}: the server does not take the keys ({failure.ErrorCode}); check access key, secret key and region", exception),
        AmazonS3Exception { StatusCode: HttpStatusCode.Forbidden } failure =>
            new RepositoryException(RepositoryError.Unavailable, $"{what}: access denied ({failure.ErrorCode}); check the rights of the access key", exception),
        AmazonS3Exception failure =>
            new RepositoryException(RepositoryError.Unavailable, $"{what}: {(int)failure.StatusCode} {failure.ErrorCode} {failure.Message}".TrimEnd(), exception),
        OperationCanceledException or TimeoutException => new RepositoryException(RepositoryError.Unavailable, $"{what}: no answer in time", exception),
        _ => new RepositoryException(RepositoryError.Unavailable, $"{what}: {Innermost(exception).Message}", exception),
    };

    private static Exception Innermost(Exception exception) => exception.InnerException is { } inner ? Innermost(inner) : exception;
}
