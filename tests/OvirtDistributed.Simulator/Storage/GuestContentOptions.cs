// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage;

/// <summary>What a guest's disk is filled with. Shares are of the filled part and are cut to 1 in the order given; the rest is incompressible.</summary>
public sealed record GuestContentOptions
{
    /// <summary>Same seed, same bytes.</summary>
    public required int Seed { get; init; }

    /// <summary>Seed of the blocks that several disks have in common (an operating system); disks with the same value share them.</summary>
    public int CommonSeed { get; init; } = 1;

    /// <summary>Part of the disk that is written at all, in runs spread over it; the rest stays a hole.</summary>
    public double FillShare { get; init; } = 0.4;

    /// <summary>Bytes written, whatever <see cref="FillShare"/> says: keeps huge disks small.</summary>
    public long MaxFillBytes { get; init; } = long.MaxValue;

    public double CommonShare { get; init; } = 0.3;

    public double TextShare { get; init; } = 0.4;
}
