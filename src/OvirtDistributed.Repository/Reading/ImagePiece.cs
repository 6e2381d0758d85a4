// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Reading;

/// <summary>A piece of a disk and where its bytes are; zeros with the reserved digest.</summary>
internal readonly record struct ImagePiece(long Offset, long Length, ChunkDigest Digest, int ChunkOffset)
{
    /// <summary>Its map page is lost: the bytes come from a copy of the disk, and no chunk is known.</summary>
    public bool IsForeign { get; init; }

    public bool IsZero => Digest.IsZero && !IsForeign;
}
