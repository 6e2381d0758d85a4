// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Store;

/// <summary>What a verification looked at and found.</summary>
public sealed record VerifyReport
{
    public required long Points { get; init; }

    public required long Frames { get; init; }

    /// <summary>Content bytes that were decoded and compared with their digest.</summary>
    public required long PlainBytes { get; init; }

    /// <summary>What was wrong; empty when all is well.</summary>
    public required IReadOnlyList<FrameDamage> Damages { get; init; }
}

/// <summary>A stored frame that cannot be used. It is never answered as present again; sending the content once more heals it.</summary>
/// <param name="Digest">What was asked for.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Object">The file at fault, or the point that needs it when it is in no pack.</param>
/// <param name="Offset">Where in the file; -1 when it is in no pack.</param>
/// <param name="Reason">What did not hold.</param>
public sealed record FrameDamage(ChunkDigest Digest, FrameKind Kind, string Object, long Offset, string Reason);
