// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Maps;

/// <summary>One extent of a map page.</summary>
/// <param name="Offset">Offset from the start of the page's range.</param>
/// <param name="Length">Bytes; an entry never crosses a page.</param>
/// <param name="Digest">The chunk that holds the bytes, or <see cref="ChunkDigest.Zero"/> for zeros.</param>
/// <param name="ChunkOffset">Where in the chunk they start: an entry may use part of a chunk.</param>
public readonly record struct MapEntry(int Offset, int Length, ChunkDigest Digest, int ChunkOffset)
{
    /// <summary>True for zeros.</summary>
    public bool IsZero => Digest.IsZero;

    /// <summary>The first byte behind the entry.</summary>
    public int End => Offset + Length;
}
