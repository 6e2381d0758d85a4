// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

internal static class VmMapping
{
    public static Vm ToVm(VmDto dto) => new()
    {
        Id = WireValue.Id<VmId>(dto.Id, "vm.id"),
        Name = dto.Name ?? string.Empty,
        Status = WireValue.Word<VmStatus>(dto.Status),
        Cluster = WireValue.OptionalId<ClusterId>(dto.Cluster, "vm.cluster.id"),
        Host = WireValue.OptionalId<HostId>(dto.Host, "vm.host.id"),
        Template = WireValue.OptionalId<TemplateId>(dto.Template, "vm.template.id"),
        MemoryBytes = dto.Memory ?? 0,
        Cpu = dto.Cpu?.Topology is { } topology ? new CpuTopology(topology.Sockets ?? 1, topology.Cores ?? 1, topology.Threads ?? 1) : null,
        OsType = dto.Os?.Type,
        BiosType = dto.Bios?.Type,
        Type = dto.Type,
        Description = dto.Description,
        Comment = dto.Comment,
        Fqdn = dto.Fqdn,
        Origin = dto.Origin,
        StopReason = dto.StopReason,
        CreationTime = dto.CreationTime,
        StartTime = dto.StartTime,
        Stateless = dto.Stateless ?? false,
        DeleteProtected = dto.DeleteProtected ?? false,
        HasIllegalImages = dto.HasIllegalImages ?? false,
        NextRunConfigurationExists = dto.NextRunConfigurationExists ?? false,
        LeaseStorageDomain = WireValue.OptionalId<StorageDomainId>(dto.Lease?.StorageDomain, "vm.lease.storage_domain.id"),
        Ovf = dto.Initialization?.Configuration?.Data,
        DiskAttachments = dto.DiskAttachments is { } attachments ? WireValue.Map(attachments, ToAttachment) : null,
        Nics = dto.Nics is { } nics ? WireValue.Map(nics, ToNic) : null,
        Tags = dto.Tags is { } tags ? WireValue.Map(tags, InventoryMapping.ToTag) : null,
    };

    public static DiskAttachment ToAttachment(DiskAttachmentDto dto)
    {
        var id = WireValue.Id<DiskId>(dto.Disk?.Id ?? dto.Id, "disk_attachment.disk.id");
        return new DiskAttachment
        {
            DiskId = id,
            Active = dto.Active ?? false,
            Bootable = dto.Bootable ?? false,
            ReadOnly = dto.ReadOnly ?? false,
            PassDiscard = dto.PassDiscard ?? false,
            Interface = WireValue.Word<DiskInterface>(dto.Interface),
            LogicalName = dto.LogicalName,
            // A bare reference has an id and a link only; the size is there exactly when the disk was followed.
            Disk = dto.Disk is { ProvisionedSize: not null } ? DiskMapping.ToDisk(dto.Disk) : null,
        };
    }

    public static Nic ToNic(NicDto dto)
    {
        var addresses = new List<string>();
        foreach (var device in dto.ReportedDevices?.Items ?? [])
        {
            foreach (var ip in device.Ips?.Items ?? [])
            {
                if (!string.IsNullOrEmpty(ip.Address))
                {
                    addresses.Add(ip.Address);
                }
            }
        }

        return new Nic(
            WireValue.Id<NicId>(dto.Id, "nic.id"),
            dto.Name ?? string.Empty,
            dto.Interface,
            dto.Mac?.Address,
            WireValue.OptionalId<VnicProfileId>(dto.VnicProfile, "nic.vnic_profile.id"),
            dto.Linked ?? true,
            dto.Plugged ?? true,
            addresses);
    }
}
