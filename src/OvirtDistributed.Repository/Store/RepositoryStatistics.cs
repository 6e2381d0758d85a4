// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <summary>Figures of an open repository, from memory.</summary>
public sealed record RepositoryStatistics
{
    /// <summary>Restore points.</summary>
    public required long Points { get; init; }

    /// <summary>Pack files.</summary>
    public required long Packs { get; init; }

    /// <summary>Bytes of pack files.</summary>
    public required long PackBytes { get; init; }

    /// <summary>Frames in the index; one that was stored twice may count twice.</summary>
    public required long Frames { get; init; }

    /// <summary>Their payload and header bytes.</summary>
    public required long StoredBytes { get; init; }

    /// <summary>Their content before compression: the unique bytes of the repository.</summary>
    public required long PlainBytes { get; init; }

    /// <summary>Index runs on disk.</summary>
    public required int IndexRuns { get; init; }

    public required int WriteSessions { get; init; }

    public required int ReadSessions { get; init; }

    /// <summary>Stored frames known to be damaged.</summary>
    public required int DamagedFrames { get; init; }

    /// <summary>Packs that are known to have lost their end, or all of them.</summary>
    public required int DamagedPacks { get; init; }

    public required long? FreeBytes { get; init; }

    public required long? TotalBytes { get; init; }
}
