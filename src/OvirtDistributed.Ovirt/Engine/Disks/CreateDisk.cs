// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Disks;

/// <summary>A disk to create.</summary>
public sealed record CreateDisk
{
    /// <summary>Chosen by the client, so that a lost answer can be resolved by looking for it. Null: the engine chooses.</summary>
    public DiskId? Id { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    public required long ProvisionedSizeBytes { get; init; }

    public required DiskConfiguration Configuration { get; init; }

    public required StorageDomainId StorageDomain { get; init; }

    /// <summary>Only for cow sparse disks on block storage: bytes allocated at once. The volume does not grow during an upload, so it must cover all that will be written.</summary>
    public long? InitialSizeBytes { get; init; }

    public DiskProfileId? Profile { get; init; }

    public bool WipeAfterDelete { get; init; }

    public bool Shareable { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("id", Id?.ToString())
        .Set("name", Name)
        .Set("description", Description)
        .Set("format", Configuration.Format == DiskFormat.Raw ? "raw" : "cow")
        .Set("sparse", Configuration.Sparse)
        .Set("provisioned_size", ProvisionedSizeBytes)
        .Set("initial_size", InitialSizeBytes)
        .Set("backup", Configuration.IncrementalBackup ? "incremental" : null)
        .Set("wipe_after_delete", WipeAfterDelete)
        .Set("shareable", Shareable ? true : null)
        .SetList("storage_domains", "storage_domain", [WireBody.Reference(StorageDomain)])
        .SetReference("disk_profile", Profile);
}

/// <summary>What to change of a disk; null leaves a value as it is.</summary>
public sealed record UpdateDisk
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    /// <summary>Only for cow disks; a raw one is refused.</summary>
    public bool? IncrementalBackup { get; init; }

    /// <summary>Disks only grow.</summary>
    public long? ProvisionedSizeBytes { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("name", Name)
        .Set("description", Description)
        .Set("backup", IncrementalBackup switch { true => "incremental", false => "none", null => null })
        .Set("provisioned_size", ProvisionedSizeBytes);
}
