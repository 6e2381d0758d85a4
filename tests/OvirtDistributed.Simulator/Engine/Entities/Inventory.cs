// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Entities;

/// <summary>What every entity of the API has.</summary>
internal abstract class Entity
{
    public required Guid Id { get; init; }

    public string Name { get; set; } = string.Empty;

    public string? Description { get; set; }

    public string? Comment { get; set; }
}

internal sealed class DataCenter : Entity
{
    public bool Local { get; set; }

    public string StorageFormat { get; set; } = "v5";

    public string Status { get; set; } = "up";

    public Version Version { get; set; } = new(4, 7);
}

internal sealed class Cluster : Entity
{
    public required Guid DataCenterId { get; set; }

    /// <summary>Compatibility level; decides between live, cold and hybrid backup.</summary>
    public required Version Version { get; set; }

    public string CpuType { get; set; } = "Intel Cascadelake Server Family";

    public string Architecture { get; set; } = "x86_64";

    public string BiosType { get; set; } = "q35_sea_bios";

    public Guid? MacPoolId { get; set; }
}

internal sealed class EngineHost : Entity
{
    public required Guid ClusterId { get; set; }

    /// <summary>The address the host was added with: what transfer URLs name.</summary>
    public required string Address { get; set; }

    public string Status { get; set; } = "up";

    public required Guid HardwareId { get; init; }

    public long Memory { get; set; } = 64L << 30;

    public bool IsSpm { get; set; }
}

internal sealed class StorageDomain : Entity
{
    /// <summary>data, iso or export.</summary>
    public string Type { get; set; } = "data";

    /// <summary>nfs, iscsi, fcp and so on.</summary>
    public required string StorageType { get; init; }

    public string? Address { get; set; }

    public string? Path { get; set; }

    public string StorageFormat { get; set; } = "v5";

    public bool Master { get; set; }

    public bool Backup { get; set; }

    /// <summary>Capacity in bytes.</summary>
    public long Capacity { get; set; } = 1L << 40;

    public Guid? DataCenterId { get; set; }

    /// <summary>Status towards its data center; <c>unattached</c> without one.</summary>
    public string Status { get; set; } = "active";

    public bool IsBlock => StorageType is "iscsi" or "fcp";
}

internal sealed class Network : Entity
{
    public required Guid DataCenterId { get; set; }

    public int? VlanId { get; set; }

    public bool IsManagement { get; set; }
}

internal sealed class VnicProfile : Entity
{
    public required Guid NetworkId { get; set; }
}

internal sealed class MacPool : Entity
{
    /// <summary>First address of the only range, as a number.</summary>
    public long First { get; set; }

    public long Last { get; set; }

    public bool IsDefault { get; set; }
}

internal sealed class DiskProfile : Entity
{
    public required Guid StorageDomainId { get; set; }
}

internal sealed class Tag : Entity
{
    public Guid? ParentId { get; set; }
}

internal sealed class Template : Entity
{
    public Guid? ClusterId { get; set; }

    public string Status { get; set; } = "ok";

    public DateTimeOffset CreationTime { get; set; }

    public long Memory { get; set; } = 1L << 30;

    /// <summary>Disks of the template, copies of those of the VM it was made from.</summary>
    public List<DiskAttachment> Attachments { get; } = [];

    /// <summary>Parts of the configuration the simulator only stores.</summary>
    public Dictionary<string, WireNode> Stored { get; } = [];
}

internal sealed class AffinityGroup : Entity
{
    public required Guid ClusterId { get; init; }

    public required WireNode Rules { get; set; }

    public HashSet<Guid> Vms { get; } = [];

    public HashSet<Guid> Hosts { get; } = [];
}

internal sealed class AffinityLabel : Entity
{
    public HashSet<Guid> Vms { get; } = [];
}
