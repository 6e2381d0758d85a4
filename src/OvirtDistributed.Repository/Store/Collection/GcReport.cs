// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Collection;

/// <summary>What a round of garbage collection found and did, or with a dry run would have done. All sizes in bytes.</summary>
public sealed record GcReport
{
    public bool DryRun { get; init; }

    /// <summary>Restore points whose maps were followed.</summary>
    public int Points { get; init; }

    /// <summary>Unfinished attempts whose pages were followed.</summary>
    public int Journals { get; init; }

    /// <summary>Packs looked at, and their size.</summary>
    public int Packs { get; init; }

    public long PackBytes { get; init; }

    /// <summary>Bytes of these packs that are in use.</summary>
    public long LiveBytes { get; init; }

    /// <summary>Packs without anything in use: they go when their grace is over.</summary>
    public int DeadPacks { get; init; }

    public long DeadBytes { get; init; }

    /// <summary>Packs of which the part in use was written to others: they go when their grace is over.</summary>
    public int RewrittenPacks { get; init; }

    public long RewrittenPackBytes { get; init; }

    /// <summary>Of these, small packs that were merged.</summary>
    public int MergedPacks { get; init; }

    /// <summary>Bytes written for them.</summary>
    public long CopiedBytes { get; init; }

    /// <summary>Packs left for the next round because a session or commit used them meanwhile.</summary>
    public int BusyPacks { get; init; }

    /// <summary>Packs removed in this round: found dispensable in an earlier one, or in this one without grace.</summary>
    public int RemovedPacks { get; init; }

    public long RemovedBytes { get; init; }

    /// <summary>Dispensable packs whose grace is not over.</summary>
    public int WaitingPacks { get; init; }

    public long WaitingBytes { get; init; }

    /// <summary>Why nothing was swept, and other things an operator should know.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];
}
