// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Snapshots;

public enum SnapshotStatus
{
    Unknown,

    /// <summary>Being created, deleted or restored.</summary>
    Locked,
    Ok,
    InPreview,
}

public enum SnapshotType
{
    Unknown,
    Regular,
    Active,
    Preview,
    Stateless,
}

public sealed record Snapshot(SnapshotId Id, string Description, SnapshotStatus Status, SnapshotType Type, DateTimeOffset? Time, bool HasMemory);

/// <summary>A snapshot to create, always without memory.</summary>
public sealed record CreateSnapshot
{
    public required string Description { get; init; }

    /// <summary>Null: all disks the engine can snapshot. Empty: the configuration only.</summary>
    public IReadOnlyList<DiskId>? Disks { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("description", Description)
        // The engine's default is true.
        .Set("persist_memorystate", false)
        .SetList("disk_attachments", "disk_attachment", Disks?.Select(disk => new JsonObject { ["disk"] = WireBody.Reference(disk) }));
}

internal sealed class SnapshotDto
{
    public string? Id { get; init; }

    public string? Description { get; init; }

    public string? SnapshotStatus { get; init; }

    public string? SnapshotType { get; init; }

    public DateTimeOffset? Date { get; init; }

    public bool? PersistMemorystate { get; init; }

    public InitializationDto? Initialization { get; init; }
}
