// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Rewriting;

/// <summary>When a backup reads ranges again that its base would give it, so that partly used chunks die out and fragments become whole chunks.</summary>
public sealed record RewriteOptions
{
    /// <summary>A chunk of which the disk uses less than this part is written anew. Default 0.4.</summary>
    public double LiveBelow { get; init; } = 0.4;

    /// <summary>In a map page whose entries average fewer bytes, neighbouring fragments become one chunk. Default 64 KiB: half of an average chunk.</summary>
    public int FragmentBytes { get; init; } = 64 << 10;

    /// <summary>A map page of which a restore reads more than this many times its data is brought below it. Default 1.5.</summary>
    public double MostReadAmplification { get; init; } = 1.5;

    /// <summary>Most of a disk's data that one backup reads again for this, the worst first. Default 0.05.</summary>
    public double MostOfDisk { get; init; } = 0.05;

    /// <summary>So much is read again also where it is more than <see cref="MostOfDisk"/>. Default 64 MiB. Both 0: nothing is written anew.</summary>
    public long MostBytesAtLeast { get; init; } = 64L << 20;

    /// <summary>What changed in so many of the last points is looked at: what one backup had no time for has that many more chances. Default 8.</summary>
    public int LookBack { get; init; } = 8;

    /// <summary>
    /// Map pages looked at for one backup, a second of work per ten thousand of them. Default 65,536: a TiB of disk. Of a larger disk each backup looks at
    /// another part.
    /// </summary>
    public int MostPages { get; init; } = 64 << 10;

    internal bool IsOff => MostOfDisk <= 0 && MostBytesAtLeast <= 0;

    internal long BudgetFor(long dataBytes) => Math.Max((long)(dataBytes * MostOfDisk), MostBytesAtLeast);
}
