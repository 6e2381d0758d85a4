// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>What must be so for a write to happen.</summary>
internal readonly record struct S3Condition(bool MustBeAbsent, string? MustMatch)
{
    public static S3Condition None => default;

    public static S3Condition Absent => new(true, null);

    public static S3Condition Match(string etag) => new(false, etag);
}

/// <summary>A write that happened; the version where the bucket keeps versions.</summary>
internal sealed record S3Stored(string ETag, string? VersionId);

/// <summary>A key without its content; the token is what its writer marked it with.</summary>
internal sealed record S3Head(long Length, string ETag, string? VersionId, string? Token, DateTimeOffset? RetainedUntil);

/// <summary>The answer to a ranged read.</summary>
internal sealed record S3Range(int Read, long TotalLength, string ETag);

/// <summary>A key in a list. The version is null in a bucket that never kept versions.</summary>
internal readonly record struct S3Key(string Key, long Length, string? VersionId, bool IsLatest);

/// <summary>What a bucket can do.</summary>
/// <param name="KeepsVersions">It may hold older versions of objects.</param>
/// <param name="MakesVersions">Every write makes a version.</param>
/// <param name="HasObjectLock">Objects can be retained until a date.</param>
internal sealed record S3BucketState(bool KeepsVersions, bool MakesVersions, bool HasObjectLock);

/// <summary>How a write is made to depend on a condition.</summary>
internal enum S3Conditions
{
    /// <summary>The server checks it; ETags in quotes, as the standard says.</summary>
    Quoted,

    /// <summary>The server checks it; ETags without quotes (Ceph).</summary>
    Bare,

    /// <summary>The server does not (Ceph before 20 in a bucket with versions): the order of versions decides.</summary>
    ByVersions,
}
