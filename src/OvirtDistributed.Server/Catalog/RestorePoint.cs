// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Catalog;

/// <summary>A restore point as its manifest in the repository describes it. The manifest is the truth, this row follows it.</summary>
internal sealed class RestorePoint
{
    public required string Id { get; init; }

    public required Guid RepositoryId { get; init; }

    public required Guid ManagerId { get; init; }

    public required string ManagerName { get; set; }

    public required Guid VmId { get; init; }

    public required string VmName { get; set; }

    /// <summary>The VM's cluster at that time.</summary>
    public Guid? ClusterId { get; set; }

    public required DateTimeOffset Created { get; set; }

    public bool Incremental { get; set; }

    public string ModeReason { get; set; } = "";

    public string TransportMode { get; set; } = "";

    public string Consistency { get; set; } = "unknown";

    public Guid? JobId { get; set; }

    public string TraceId { get; set; } = "";

    /// <summary>The engine's checkpoint that an incremental on top of this point starts from.</summary>
    public Guid? CheckpointId { get; set; }

    public long SizeBytes { get; set; }

    public long StoredBytes { get; set; }

    public long ReadBytes { get; set; }

    public IReadOnlyList<string> Warnings { get; set; } = [];

    /// <summary>When it was last verified, and what was wrong with it then; empty when nothing was.</summary>
    public DateTimeOffset? Verified { get; set; }

    public string Damage { get; set; } = "";

    /// <summary>The repository refuses to remove it before; null when it is not locked. What the repository said last: it decides.</summary>
    public DateTimeOffset? LockedUntil { get; set; }

    /// <summary>The id of the point this one was copied from; empty when it is no copy.</summary>
    public string CopyOf { get; set; } = "";

    public IReadOnlyList<RestorePointDisk> Disks { get; set; } = [];
}

internal sealed record RestorePointDisk
{
    public required Guid Id { get; init; }

    public required string Alias { get; init; }

    public required long SizeBytes { get; init; }

    public required string Format { get; init; }

    public required bool Sparse { get; init; }

    public required string Interface { get; init; }

    public required bool Bootable { get; init; }

    public required byte[] RootDigest { get; init; }

    public required int RootLevels { get; init; }

    public required bool Incremental { get; init; }
}
