// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks.IndexScale;

/// <summary>How large the measured index is and how it grows.</summary>
internal sealed record IndexOptions
{
    public required long Digests { get; init; }

    /// <summary>Digests after which the memory table is written as a commit does it; 0 = only when it is full.</summary>
    public required long CommitEvery { get; init; }

    public required bool Keep { get; init; }

    /// <summary>A directory that an earlier run kept, with as many digests: only look-ups are measured, and it is kept again. Empty: a new one.</summary>
    public required string Kept { get; init; }
}
