// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Maps;

/// <summary>What a map is built from.</summary>
public sealed record DiskMapPlan
{
    /// <summary>Size of the disk in bytes, at least the base's.</summary>
    public required long DiskSize { get; init; }

    /// <summary>The map whose content stands wherever nothing is declared; without it, undeclared ranges are zero.</summary>
    public DiskRoot? Base { get; init; }

    /// <summary>
    /// Ranges of the base that cannot be read, as the session reports them. Where even an index node is lost, each of its pages must be
    /// declared and covered in full; the builder refuses to finish otherwise, rather than to take lost data for zeros.
    /// </summary>
    public IReadOnlyCollection<DiskRange> DamagedRanges { get; init; } = [];

    /// <summary>Pages an earlier attempt completed with the same base and the same engine backup: they are taken as they are.</summary>
    public IReadOnlyCollection<PageDigest> CompletedPages { get; init; } = [];
}
