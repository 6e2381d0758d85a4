// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository;

/// <summary>The one exception of this library for everything that is not a programming error or a cancellation.</summary>
public sealed class RepositoryException : Exception
{
    public RepositoryException(RepositoryError error, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Error = error;
    }

    /// <summary>What went wrong, for programs; the message is for people.</summary>
    public RepositoryError Error { get; }

    /// <summary>With <see cref="RepositoryError.MissingFrames"/>: the digests, at most some thousand of them.</summary>
    public IReadOnlyList<ChunkDigest> MissingDigests { get; init; } = [];

    /// <summary>With <see cref="RepositoryError.MissingFrames"/>: how many are missing in all, listed or not.</summary>
    public long MissingCount { get; init; }

    /// <summary>With <see cref="RepositoryError.Damaged"/>: the frame whose checksums hold and whose content does not; else the reserved digest.</summary>
    public ChunkDigest BadContent { get; init; }

    internal static RepositoryException Damaged(string what, Exception? inner = null) => new(RepositoryError.Damaged, what, inner);

    internal static RepositoryException Invalid(string what) => new(RepositoryError.InvalidArgument, what);

    internal static RepositoryException Missing(string what, IReadOnlyList<ChunkDigest> digests, long count) =>
        new(RepositoryError.MissingFrames, what) { MissingDigests = digests, MissingCount = count };
}
