// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Frames;

/// <summary>Properties of a frame. The bits are part of the format; a reader refuses bits it does not know.</summary>
[Flags]
public enum FrameFlags : byte
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>The payload is AES-256-GCM with the tag at its end; key id and nonce say which key.</summary>
    Encrypted = 1,
}
