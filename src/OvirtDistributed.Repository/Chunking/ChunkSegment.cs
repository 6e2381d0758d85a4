// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Chunking;

/// <summary>The next piece of an extent: one chunk of data, or (part of) a run of zeros.</summary>
/// <param name="Length">Bytes from the first byte of the window.</param>
/// <param name="IsZero">True for zeros: recorded in the map, never stored.</param>
public readonly record struct ChunkSegment(int Length, bool IsZero);
