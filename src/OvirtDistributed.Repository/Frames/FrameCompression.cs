// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Frames;

/// <summary>How the payload of a frame is packed. The numbers are part of the format.</summary>
public enum FrameCompression : byte
{
    /// <summary>Stored as it is: it did not shrink by 3 %.</summary>
    None = 0,

    /// <summary>One zstd frame.</summary>
    Zstd = 1,

    /// <summary>One LZ4 block.</summary>
    Lz4 = 2,
}
