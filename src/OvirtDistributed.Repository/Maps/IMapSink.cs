// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Maps;

/// <summary>Takes what <see cref="DiskMapBuilder"/> makes. Called by one thread at a time.</summary>
public interface IMapSink
{
    /// <summary>An encoded frame to be stored: a map page or node that is not the base's.</summary>
    /// <param name="kind">Map page or node.</param>
    /// <param name="digest">Its digest.</param>
    /// <param name="frame">Valid until the returned task has ended.</param>
    /// <param name="cancellationToken">Ends the build.</param>
    ValueTask WriteFrameAsync(FrameKind kind, ChunkDigest digest, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken);

    /// <summary>A page is final; its frame (if it needed one) was written before. The page may be journaled once all is durable.</summary>
    ValueTask PageCompletedAsync(PageDigest page, CancellationToken cancellationToken);
}
