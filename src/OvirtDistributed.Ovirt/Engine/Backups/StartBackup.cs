// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Backups;

/// <summary>A backup to start.</summary>
public sealed record StartBackup
{
    /// <summary>Chosen here, so that repeating the start finds the same backup.</summary>
    public required BackupId Id { get; init; }

    public required VmId Vm { get; init; }

    /// <summary>At least one. Disks that cannot be backed up are silently dropped by the engine: compare with <see cref="EngineBackups.ListDisksAsync"/>.</summary>
    public required IReadOnlyList<DiskId> Disks { get; init; }

    /// <summary>Incremental since this checkpoint; null for full.</summary>
    public CheckpointId? FromCheckpoint { get; init; }

    /// <summary>Up to 1024 characters; copied to the checkpoint.</summary>
    public string? Description { get; init; }

    /// <summary>Fail unless the guest's file systems were frozen. 4.4.4 and later; not passed on in hybrid backups.</summary>
    public bool RequireConsistency { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("id", Id.ToString())
        .Set("description", Description)
        .Set("from_checkpoint_id", FromCheckpoint?.ToString())
        .SetList("disks", "disk", Disks.Select(WireBody.Reference));
}
