// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Collection;

/// <summary>How garbage is collected.</summary>
public sealed record GcOptions
{
    /// <summary>Only count: nothing is written or removed.</summary>
    public bool DryRun { get; init; }

    /// <summary>A pack with less than this part of its bytes in use is rewritten. Default 0.6; 0 rewrites none.</summary>
    public double RewriteBelow { get; init; } = 0.6;

    /// <summary>
    /// A sealed pack smaller than this part of the pack size is merged with others of its sort: each opening of the repository and each sealing leaves
    /// some. Default 0.25; 0 merges none.
    /// </summary>
    public double MergeBelow { get; init; } = 0.25;

    /// <summary>Small packs are merged when there are at least so many: a merge leaves one at most, so nothing is moved again in a quiet round. Default 4.</summary>
    public int MergeAtLeast { get; init; } = 4;

    /// <summary>How long a pack stays after it was found dispensable, for readers that are at it and for second thoughts. Default 24 hours.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Most bytes a second that are read and rewritten; 0 = as fast as it goes.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>
    /// Most memory for remembering what is in use; a smaller repository takes less (11 bits for each frame). With too little, garbage is taken for
    /// used and stays, never the other way round. Default 1 GiB, enough for 800 million frames.
    /// </summary>
    public long MarkBytes { get; init; } = 1L << 30;

    /// <exception cref="RepositoryException">A value is out of range.</exception>
    internal void Validate()
    {
        if (RewriteBelow is < 0 or > 0.95 or double.NaN)
        {
            throw RepositoryException.Invalid($"rewrite below: {RewriteBelow}, use 0 to 0.95");
        }

        if (MergeBelow is < 0 or > 0.5 or double.NaN || MergeAtLeast < 3)
        {
            throw RepositoryException.Invalid($"merge of small packs: below {MergeBelow} of the pack size, use 0 to 0.5; at least {MergeAtLeast} packs, use 3 or more");
        }

        if (Grace < TimeSpan.Zero || BytesPerSecond < 0 || MarkBytes < 4096)
        {
            throw RepositoryException.Invalid($"garbage collection: grace {Grace}, {BytesPerSecond} bytes a second, {MarkBytes} bytes of memory; none may be negative, memory at least 4096");
        }
    }
}
