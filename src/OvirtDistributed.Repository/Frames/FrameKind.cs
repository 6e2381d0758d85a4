// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Frames;

/// <summary>What a frame holds. The numbers are part of the format.</summary>
public enum FrameKind : byte
{
    /// <summary>A piece of a disk.</summary>
    Chunk = 1,

    /// <summary>The extent map of 16 MiB of a disk.</summary>
    MapPage = 2,

    /// <summary>An index node over map pages or other nodes.</summary>
    MapNode = 3,

    /// <summary>A metadata blob of a restore point, for example its OVF.</summary>
    Metadata = 4,

    /// <summary>Reserved: a wrapped data key that travels with the frames it opens.</summary>
    WrappedKey = 5,
}
