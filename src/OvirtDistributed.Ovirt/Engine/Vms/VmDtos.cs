// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Wire;

namespace OvirtDistributed.Ovirt.Engine.Vms;

internal sealed class VmDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Status { get; init; }

    public RefDto? Cluster { get; init; }

    public RefDto? Host { get; init; }

    public RefDto? Template { get; init; }

    public long? Memory { get; init; }

    public VmCpuDto? Cpu { get; init; }

    public OsDto? Os { get; init; }

    public BiosDto? Bios { get; init; }

    public string? Type { get; init; }

    public string? Description { get; init; }

    public string? Comment { get; init; }

    public string? Fqdn { get; init; }

    public string? Origin { get; init; }

    public string? StopReason { get; init; }

    public DateTimeOffset? CreationTime { get; init; }

    public DateTimeOffset? StartTime { get; init; }

    public bool? Stateless { get; init; }

    public bool? DeleteProtected { get; init; }

    public bool? HasIllegalImages { get; init; }

    public bool? NextRunConfigurationExists { get; init; }

    public LeaseDto? Lease { get; init; }

    public InitializationDto? Initialization { get; init; }

    public WireList<DiskAttachmentDto>? DiskAttachments { get; init; }

    public WireList<NicDto>? Nics { get; init; }

    public WireList<TagDto>? Tags { get; init; }
}

internal sealed class VmCpuDto
{
    public CpuTopologyDto? Topology { get; init; }
}

internal sealed class CpuTopologyDto
{
    public long? Sockets { get; init; }

    public long? Cores { get; init; }

    public long? Threads { get; init; }
}

internal sealed class OsDto
{
    public string? Type { get; init; }
}

internal sealed class BiosDto
{
    public string? Type { get; init; }
}

internal sealed class LeaseDto
{
    public RefDto? StorageDomain { get; init; }
}

internal sealed class InitializationDto
{
    public ConfigurationDto? Configuration { get; init; }
}

internal sealed class ConfigurationDto
{
    public string? Type { get; init; }

    public string? Data { get; init; }
}

internal sealed class DiskAttachmentDto
{
    public string? Id { get; init; }

    public bool? Active { get; init; }

    public bool? Bootable { get; init; }

    public bool? ReadOnly { get; init; }

    public bool? PassDiscard { get; init; }

    public string? Interface { get; init; }

    public string? LogicalName { get; init; }

    public DiskDto? Disk { get; init; }
}

internal sealed class NicDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Interface { get; init; }

    public MacDto? Mac { get; init; }

    public RefDto? VnicProfile { get; init; }

    public bool? Linked { get; init; }

    public bool? Plugged { get; init; }

    public WireList<ReportedDeviceDto>? ReportedDevices { get; init; }
}

internal sealed class MacDto
{
    public string? Address { get; init; }
}

internal sealed class ReportedDeviceDto
{
    public WireList<IpDto>? Ips { get; init; }
}

internal sealed class IpDto
{
    public string? Address { get; init; }
}
