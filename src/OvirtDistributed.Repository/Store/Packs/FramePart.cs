// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>A whole, checked frame in a buffer.</summary>
internal readonly record struct FramePart(int Start, FrameHeader Header)
{
    public int Length => Header.FrameLength;

    public int End => Start + Length;
}
