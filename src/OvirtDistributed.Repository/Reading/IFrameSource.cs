// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Where a reader gets frames: the store itself, or the far side of a connection. Safe for concurrent calls.</summary>
public interface IFrameSource
{
    /// <summary>Fetches frames.</summary>
    /// <param name="digests">At most <see cref="MaxBatch"/>, none of them <see cref="ChunkDigest.Zero"/>. Valid until the task has ended.</param>
    /// <param name="cancellationToken">Gives the fetch up.</param>
    /// <returns>One encoded frame for each digest, in the order asked. The caller disposes it.</returns>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.MissingFrames"/> with the digests that are in no live pack; <see cref="RepositoryError.Damaged"/> when a
    /// frame's checksum does not hold. The content is proven by <see cref="Frames.FrameDecoder"/>, not by the source.
    /// </exception>
    Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken);

    /// <summary>The most digests of one call.</summary>
    const int MaxBatch = 512;
}
