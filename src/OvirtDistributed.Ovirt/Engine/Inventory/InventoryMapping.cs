// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

internal static class InventoryMapping
{
    public static EngineProduct ToProduct(ApiDto dto)
    {
        var info = dto.ProductInfo ?? throw new JsonException("product_info is missing.");
        var name = info.Name ?? string.Empty;
        var vendor = info.Vendor ?? string.Empty;
        var version = ToVersion(info.Version) ?? throw new JsonException("product_info.version is missing.");
        return new EngineProduct(ToKind(name, vendor), name, vendor, version, info.Version?.FullVersion ?? version.ToString());
    }

    public static DataCenter ToDataCenter(DataCenterDto dto) => new(
        WireValue.Id<DataCenterId>(dto.Id, "data_center.id"),
        dto.Name ?? string.Empty,
        WireValue.Word<DataCenterStatus>(dto.Status),
        dto.Local ?? false,
        ToLevel(dto.Version));

    public static Cluster ToCluster(ClusterDto dto) => new(
        WireValue.Id<ClusterId>(dto.Id, "cluster.id"),
        dto.Name ?? string.Empty,
        WireValue.OptionalId<DataCenterId>(dto.DataCenter, "cluster.data_center.id"),
        ToLevel(dto.Version) ?? throw new JsonException($"cluster.version of {dto.Name} is missing."),
        dto.Cpu?.Architecture,
        dto.Cpu?.Type);

    public static Host ToHost(HostDto dto) => new(
        WireValue.Id<HostId>(dto.Id, "host.id"),
        dto.Name ?? string.Empty,
        dto.Address ?? string.Empty,
        WireValue.Word<HostStatus>(dto.Status),
        WireValue.OptionalId<ClusterId>(dto.Cluster, "host.cluster.id"),
        dto.Version?.FullVersion);

    public static StorageDomain ToStorageDomain(StorageDomainDto dto)
    {
        var dataCenters = WireValue.Ids<DataCenterId>(dto.DataCenters, "storage_domain.data_centers.id");
        if (dataCenters.Count == 0 && WireValue.OptionalId<DataCenterId>(dto.DataCenter, "storage_domain.data_center.id") is { } single)
        {
            dataCenters = [single];
        }

        return new StorageDomain(
            WireValue.Id<StorageDomainId>(dto.Id, "storage_domain.id"),
            dto.Name ?? string.Empty,
            WireValue.Word<StorageDomainType>(dto.Type),
            WireValue.Word<StorageDomainStatus>(dto.Status),
            new StorageLocation(WireValue.Word<StorageType>(dto.Storage?.Type), dto.Storage?.Address, dto.Storage?.Path),
            dto.Available,
            dto.Used,
            dto.Committed,
            dataCenters,
            dto.Backup ?? false,
            dto.BlockSize);
    }

    public static Network ToNetwork(NetworkDto dto) => new(
        WireValue.Id<NetworkId>(dto.Id, "network.id"),
        dto.Name ?? string.Empty,
        WireValue.OptionalId<DataCenterId>(dto.DataCenter, "network.data_center.id"),
        dto.Description,
        dto.Vlan?.Id);

    public static VnicProfile ToVnicProfile(VnicProfileDto dto) => new(
        WireValue.Id<VnicProfileId>(dto.Id, "vnic_profile.id"),
        dto.Name ?? string.Empty,
        WireValue.OptionalId<NetworkId>(dto.Network, "vnic_profile.network.id"));

    public static Tag ToTag(TagDto dto) => new(
        WireValue.Id<TagId>(dto.Id, "tag.id"),
        dto.Name ?? string.Empty,
        dto.Description,
        WireValue.OptionalId<TagId>(dto.Parent, "tag.parent.id"));

    public static Template ToTemplate(TemplateDto dto) => new(
        WireValue.Id<TemplateId>(dto.Id, "template.id"),
        dto.Name ?? string.Empty,
        WireValue.Word<TemplateStatus>(dto.Status),
        WireValue.OptionalId<ClusterId>(dto.Cluster, "template.cluster.id"));

    public static AffinityGroup ToAffinityGroup(AffinityGroupDto dto)
    {
        // Engines before 4.1 wrote the VMs' rule as two fields of the group.
        var older = dto.Positive is { } positive ? new AffinityRule(true, dto.Enforcing ?? false, positive) : null;
        return new AffinityGroup(
            WireValue.Id<AffinityGroupId>(dto.Id, "affinity_group.id"),
            dto.Name ?? string.Empty,
            dto.Description,
            ToRule(dto.VmsRule) ?? older,
            ToRule(dto.HostsRule),
            WireValue.Ids<VmId>(dto.Vms, "affinity_group.vms.id"),
            WireValue.Ids<HostId>(dto.Hosts, "affinity_group.hosts.id"))
        { Priority = dto.Priority };
    }

    public static AffinityLabel ToAffinityLabel(AffinityLabelDto dto) =>
        new(WireValue.Id<AffinityLabelId>(dto.Id, "affinity_label.id"), dto.Name ?? string.Empty);

    /// <summary>Null where major or minor is missing. Numbers beyond 32 bits are a broken answer.</summary>
    public static Version? ToVersion(VersionDto? dto)
    {
        if (dto?.Major is not { } major || dto.Minor is not { } minor)
        {
            return null;
        }

        return new Version(Part(major), Part(minor), Part(dto.Build ?? 0), Part(dto.Revision ?? 0));
    }

    /// <summary>A compatibility level has two parts only.</summary>
    private static Version? ToLevel(VersionDto? dto) =>
        dto is { Major: { } major, Minor: { } minor } ? new Version(Part(major), Part(minor)) : null;

    private static int Part(long value) =>
        value is >= 0 and <= int.MaxValue ? (int)value : throw new JsonException($"The version part {value} is out of range.");

    private static AffinityRule? ToRule(AffinityRuleDto? dto) =>
        dto is null ? null : new AffinityRule(dto.Enabled ?? false, dto.Enforcing ?? false, dto.Positive ?? false);

    private static ProductKind ToKind(string name, string vendor)
    {
        bool Says(string word) => name.Contains(word, StringComparison.OrdinalIgnoreCase) || vendor.Contains(word, StringComparison.OrdinalIgnoreCase);
        return Says("Oracle") || Says("OLVM") ? ProductKind.Olvm
            : Says("Red Hat") || Says("RHV") ? ProductKind.Rhv
            : Says("oVirt") ? ProductKind.Ovirt
            : ProductKind.Unknown;
    }
}
