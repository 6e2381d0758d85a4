// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Maps;

/// <summary>A finished map page of a disk.</summary>
/// <param name="PageIndex">Which 16 MiB of the disk.</param>
/// <param name="Digest">Its map page; <see cref="ChunkDigest.Zero"/> when the range is all zero.</param>
public readonly record struct PageDigest(long PageIndex, ChunkDigest Digest);
