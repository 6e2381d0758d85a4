// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Store;

/// <summary>packs/numbers.json: no pack number from <paramref name="Next"/> on was ever used.</summary>
internal sealed record PackNumbers(uint Next);

/// <summary>sessions/task/fence.json.</summary>
internal sealed record FenceRecord(string TaskId, long Token);

/// <summary>The first record of a session journal.</summary>
internal sealed record JournalBegin
{
    public required string TaskId { get; init; }

    public required string EngineBackupId { get; init; }

    public required long DiskSize { get; init; }

    public DiskRoot? Base { get; init; }

    public string? BasePointId { get; init; }
}

/// <summary>quarantine/sequence.json: what one verification found.</summary>
internal sealed record QuarantineRecord
{
    public required IReadOnlyList<QuarantineItem> Items { get; init; }
}

/// <summary>One damaged frame. Pack 0: it is in no pack.</summary>
internal sealed record QuarantineItem
{
    public required ChunkDigest Digest { get; init; }

    public required FrameKind Kind { get; init; }

    public required uint Pack { get; init; }

    public required uint Offset { get; init; }

    /// <summary>True: everything of the pack from <see cref="Offset"/> on is lost, not one frame; digest and kind say nothing then.</summary>
    public bool ToEnd { get; init; }

    /// <summary>True: a reader says so and nobody else could tell; the frame is sent again, and served until then.</summary>
    public bool ByReader { get; init; }

    public required string Reason { get; init; }
}
