// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

/// <summary>A VM from an OVF. Disks named in the OVF are attached by their disk id where such a disk exists.</summary>
public sealed record CreateVmFromOvf
{
    public required string Name { get; init; }

    public required ClusterId Cluster { get; init; }

    /// <summary>The OVF text of the engine's own flavour.</summary>
    public required string Ovf { get; init; }

    /// <summary>A new VM id. False keeps the OVF's, and fails when that VM still exists.</summary>
    public bool RegenerateIds { get; init; } = true;

    public string? Description { get; init; }

    internal JsonObject ToBody()
    {
        var configuration = new JsonObject().Set("type", "ovf").Set("data", Ovf);
        return new JsonObject()
            .Set("name", Name)
            .Set("description", Description)
            .SetReference<ClusterId>("cluster", Cluster)
            .Set("initialization", new JsonObject().Set("regenerate_ids", RegenerateIds).Set("configuration", configuration));
    }
}

/// <summary>A VM from scratch, on the Blank template.</summary>
public sealed record CreateVm
{
    public required string Name { get; init; }

    public required ClusterId Cluster { get; init; }

    /// <summary>Null: the Blank template.</summary>
    public TemplateId? Template { get; init; }

    public string? Description { get; init; }

    public string? Comment { get; init; }

    public long? MemoryBytes { get; init; }

    public CpuTopology? Cpu { get; init; }

    public string? OsType { get; init; }

    public string? BiosType { get; init; }

    public string? Type { get; init; }

    public bool? DeleteProtected { get; init; }

    internal JsonObject ToBody()
    {
        var body = new JsonObject()
            .Set("name", Name)
            .Set("description", Description)
            .Set("comment", Comment)
            .Set("memory", MemoryBytes)
            .Set("type", Type)
            .Set("delete_protected", DeleteProtected)
            .SetReference<ClusterId>("cluster", Cluster)
            .Set("template", Template is { } template ? WireBody.Reference(template) : new JsonObject().Set("name", "Blank"));
        if (Cpu is { } cpu)
        {
            var topology = new JsonObject().Set("sockets", cpu.Sockets).Set("cores", cpu.Cores).Set("threads", cpu.Threads);
            body.Set("cpu", new JsonObject().Set("topology", topology));
        }

        return body
            .Set("os", OsType is null ? null : new JsonObject().Set("type", OsType))
            .Set("bios", BiosType is null ? null : new JsonObject().Set("type", BiosType));
    }
}

/// <summary>What to change of a VM; null leaves a value as it is.</summary>
public sealed record UpdateVm
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? Comment { get; init; }

    public bool? DeleteProtected { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("name", Name)
        .Set("description", Description)
        .Set("comment", Comment)
        .Set("delete_protected", DeleteProtected);
}

/// <summary>A NIC to add, or what to change of one; null leaves a value as it is.</summary>
public sealed record NicSettings
{
    public string? Name { get; init; }

    /// <summary>virtio, e1000, ...</summary>
    public string? Interface { get; init; }

    public VnicProfileId? Profile { get; init; }

    public string? MacAddress { get; init; }

    public bool? Linked { get; init; }

    public bool? Plugged { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("name", Name)
        .Set("interface", Interface)
        .Set("linked", Linked)
        .Set("plugged", Plugged)
        .SetReference("vnic_profile", Profile)
        .Set("mac", MacAddress is null ? null : new JsonObject().Set("address", MacAddress));
}

/// <summary>How to attach a disk to a VM.</summary>
public sealed record AttachDisk
{
    public required DiskId Disk { get; init; }

    /// <summary>Attach the disk as it was in this snapshot of its own VM; null attaches the disk itself.</summary>
    public SnapshotId? Snapshot { get; init; }

    /// <summary>Plugged at once; on a running VM that is a hot plug.</summary>
    public required bool Active { get; init; }

    public bool Bootable { get; init; }

    public bool? ReadOnly { get; init; }

    public bool? PassDiscard { get; init; }

    public DiskInterface Interface { get; init; } = DiskInterface.VirtioScsi;

    internal JsonObject ToBody()
    {
        var disk = WireBody.Reference(Disk).SetReference("snapshot", Snapshot);
        return new JsonObject()
            .Set("disk", disk)
            .Set("active", Active)
            .Set("bootable", Bootable)
            .Set("interface", VmWords.Of(Interface))
            .Set("read_only", ReadOnly)
            .Set("pass_discard", PassDiscard);
    }
}

/// <summary>What to change of an attachment; null leaves a value as it is.</summary>
public sealed record UpdateAttachment
{
    public bool? Active { get; init; }

    public bool? Bootable { get; init; }

    public DiskInterface? Interface { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("active", Active)
        .Set("bootable", Bootable)
        .Set("interface", Interface is { } given ? VmWords.Of(given) : null);
}

internal static class VmWords
{
    public static string Of(DiskInterface value) => value switch
    {
        DiskInterface.Virtio => "virtio",
        DiskInterface.VirtioScsi => "virtio_scsi",
        DiskInterface.Ide => "ide",
        DiskInterface.Sata => "sata",
        DiskInterface.SpaprVscsi => "spapr_vscsi",
        _ => throw new ArgumentOutOfRangeException(nameof(value), value, "A disk interface must be named."),
    };
}
