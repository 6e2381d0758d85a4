// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

internal sealed class ApiDto
{
    public ProductInfoDto? ProductInfo { get; init; }
}

internal sealed class ProductInfoDto
{
    public string? Name { get; init; }

    public string? Vendor { get; init; }

    public VersionDto? Version { get; init; }
}

internal sealed class DataCenterDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Status { get; init; }

    public bool? Local { get; init; }

    public VersionDto? Version { get; init; }
}

internal sealed class ClusterDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public RefDto? DataCenter { get; init; }

    public VersionDto? Version { get; init; }

    public ClusterCpuDto? Cpu { get; init; }
}

internal sealed class ClusterCpuDto
{
    public string? Architecture { get; init; }

    public string? Type { get; init; }
}

internal sealed class HostDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Address { get; init; }

    public string? Status { get; init; }

    public RefDto? Cluster { get; init; }

    public VersionDto? Version { get; init; }
}

internal sealed class StorageDomainDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Type { get; init; }

    public string? Status { get; init; }

    public StorageDto? Storage { get; init; }

    public long? Available { get; init; }

    public long? Used { get; init; }

    public long? Committed { get; init; }

    public WireList<RefDto>? DataCenters { get; init; }

    public RefDto? DataCenter { get; init; }

    public bool? Backup { get; init; }

    public long? BlockSize { get; init; }
}

internal sealed class StorageDto
{
    public string? Type { get; init; }

    public string? Address { get; init; }

    public string? Path { get; init; }
}

internal sealed class NetworkDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public RefDto? DataCenter { get; init; }

    public VlanDto? Vlan { get; init; }
}

internal sealed class VlanDto
{
    public long? Id { get; init; }
}

internal sealed class VnicProfileDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public RefDto? Network { get; init; }
}

internal sealed class TagDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public RefDto? Parent { get; init; }
}

internal sealed class TemplateDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Status { get; init; }

    public RefDto? Cluster { get; init; }
}

internal sealed class AffinityGroupDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? Priority { get; init; }

    public bool? Positive { get; init; }

    public bool? Enforcing { get; init; }

    public AffinityRuleDto? VmsRule { get; init; }

    public AffinityRuleDto? HostsRule { get; init; }

    public WireList<RefDto>? Vms { get; init; }

    public WireList<RefDto>? Hosts { get; init; }
}

internal sealed class AffinityLabelDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }
}

internal sealed class AffinityRuleDto
{
    public bool? Enabled { get; init; }

    public bool? Enforcing { get; init; }

    public bool? Positive { get; init; }
}
