// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Managers;

internal sealed partial class OvirtEngine
{
    public Task<VmMetadata?> FindMetadataAsync(Guid vmId, CancellationToken cancellationToken) => CallAsync(async () =>
        await client.Vms.FindSettingsAsync(new VmId(vmId), cancellationToken) is { } settings ? ToMetadata(settings) : null);

    public async Task ChangeVmAsync(Guid vmId, EngineVmChange change, Guid correlationId, CancellationToken cancellationToken)
    {
        var (vm, correlation) = (new VmId(vmId), new CorrelationId(correlationId));
        if (change with { Cdrom = null, Watchdog = null, Consoles = null } != new EngineVmChange())
        {
            await CallAsync(() => client.Vms.UpdateSettingsAsync(vm, ToUpdate(change), correlation, cancellationToken));
        }

        if (change.Cdrom is { } file)
        {
            await CallAsync(() => client.Vms.InsertCdromAsync(vm, file, correlation, cancellationToken));
        }

        if (change.Watchdog is { } watchdog)
        {
            await CallAsync(() => client.Vms.SetWatchdogAsync(vm, new Watchdog(watchdog.Model, watchdog.Action), correlation, cancellationToken));
        }

        if (change.Consoles is { } consoles)
        {
            await CallAsync(() => client.Vms.SetConsolesAsync(vm, consoles, correlation, cancellationToken));
        }
    }

    public Task<IReadOnlyList<EngineAffinityGroup>> ListAffinityGroupsAsync(Guid clusterId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineAffinityGroup>>(async () =>
            [.. (await client.Inventory.ListAffinityGroupsAsync(new ClusterId(clusterId), cancellationToken)).Select(ToGroup)]);

    public Task<Guid> CreateAffinityGroupAsync(Guid clusterId, VmAffinityGroup group, Guid correlationId, CancellationToken cancellationToken) => CallAsync(async () =>
    {
        var request = new CreateAffinityGroup
        {
            Name = group.Name,
            Description = group.Description.Length > 0 ? group.Description : null,
            Priority = group.Priority.Length > 0 ? group.Priority : null,
            VmsRule = ToRule(group.VmsRule),
            HostsRule = ToRule(group.HostsRule),
            Hosts = [.. group.Hosts.Select(host => new HostId(host.Id))],
        };
        return (await client.Inventory.CreateAffinityGroupAsync(new ClusterId(clusterId), request, new CorrelationId(correlationId), cancellationToken)).Id.Value;
    });

    public Task JoinAffinityGroupAsync(Guid clusterId, Guid groupId, Guid vmId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Inventory.AddToAffinityGroupAsync(
            new ClusterId(clusterId), new AffinityGroupId(groupId), new VmId(vmId), new CorrelationId(correlationId), cancellationToken));

    public Task<IReadOnlyList<EngineAffinityLabel>> ListAffinityLabelsAsync(CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineAffinityLabel>>(async () =>
            [.. (await client.Inventory.ListAffinityLabelsAsync(cancellationToken)).Select(label => new EngineAffinityLabel(label.Id.Value, label.Name))]);

    public Task JoinAffinityLabelAsync(Guid labelId, Guid vmId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Inventory.AddToAffinityLabelAsync(new AffinityLabelId(labelId), new VmId(vmId), new CorrelationId(correlationId), cancellationToken));

    public Task AddTagAsync(Guid vmId, string tag, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Vms.AddTagAsync(new VmId(vmId), tag, new CorrelationId(correlationId), cancellationToken));

    private static VmMetadata ToMetadata(VmSettings settings) => new()
    {
        Comment = settings.Comment ?? "",
        VmType = settings.Type ?? "",
        DeleteProtected = settings.DeleteProtected,
        BiosType = settings.BiosType ?? "",
        BootDevices = settings.BootDevices,
        BootMenu = settings.BootMenu ?? false,
        Tpm = settings.Tpm ?? false,
        CustomCpuModel = settings.CustomCpuModel ?? "",
        CustomEmulatedMachine = settings.CustomEmulatedMachine ?? "",
        TimeZone = settings.TimeZone ?? "",
        HighAvailability = settings.HighAvailability is { } availability ? new VmAvailability(availability.Enabled, availability.Priority) : null,
        Lease = settings.LeaseStorageDomain is { } domain ? new NamedObject(domain.Value, "") : null,
        Placement = settings.Placement is { } placement ? new VmPlacement(placement.Affinity, [.. placement.Hosts.Select(host => new NamedObject(host.Value, ""))]) : null,
        CustomProperties = [.. settings.CustomProperties.Select(property => new VmProperty(property.Name, property.Value))],
        Initialization = settings.Initialization is { } initialization
            ? new VmInitialization(initialization.Values, [.. initialization.Nics.Select(ToGuestNic)], initialization.HasPassword, initialization.HasLicenseKey)
            : null,
        Rng = settings.Rng is { } rng ? new VmRng(rng.Source, rng.Bytes, rng.Period) : null,
        Cdrom = settings.Cdrom ?? "",
        Watchdog = settings.Watchdog is { } watchdog ? new VmWatchdog(watchdog.Model, watchdog.Action) : null,
        Consoles = settings.GraphicsConsoles,
        AffinityLabels = settings.AffinityLabels,
        HostDevices = settings.HostDevices,
        NumaNodes = settings.NumaNodes,
    };

    private static VmGuestNic ToGuestNic(GuestNic nic) => new(nic.Name, nic.OnBoot, nic.BootProtocol, ToAddress(nic.Ip), nic.Ipv6BootProtocol, ToAddress(nic.Ipv6));

    private static VmGuestAddress? ToAddress(GuestAddress? address) => address is null ? null : new VmGuestAddress(address.Address, address.Netmask, address.Gateway);

    private static EngineAffinityGroup ToGroup(AffinityGroup group) => new(
        group.Id.Value,
        new VmAffinityGroup
        {
            Name = group.Name,
            Description = group.Description ?? "",
            Priority = group.Priority ?? "",
            VmsRule = ToRule(group.VmsRule),
            HostsRule = ToRule(group.HostsRule),
            Hosts = [.. group.Hosts.Select(host => new NamedObject(host.Value, ""))],
        },
        [.. group.Vms.Select(vm => vm.Value)]);

    private static VmAffinityRule? ToRule(AffinityRule? rule) => rule is null ? null : new VmAffinityRule(rule.Enabled, rule.Enforcing, rule.Positive);

    private static AffinityRule? ToRule(VmAffinityRule? rule) => rule is null ? null : new AffinityRule(rule.Enabled, rule.Enforcing, rule.Positive);

    private static UpdateVmSettings ToUpdate(EngineVmChange change) => new()
    {
        Comment = change.Comment,
        Type = change.VmType,
        DeleteProtected = change.DeleteProtected,
        BiosType = change.BiosType,
        BootDevices = change.BootDevices,
        BootMenu = change.BootMenu,
        Tpm = change.Tpm,
        CustomCpuModel = change.CustomCpuModel,
        CustomEmulatedMachine = change.CustomEmulatedMachine,
        TimeZone = change.TimeZone,
        HighAvailability = change.HighAvailability is { } availability ? new HighAvailability(availability.Enabled, availability.Priority) : null,
        LeaseStorageDomain = change.Lease is { } lease ? new StorageDomainId(lease.Id) : null,
        Placement = change.Placement is { } placement ? new PlacementPolicy(placement.Affinity, [.. placement.Hosts.Select(host => new HostId(host.Id))]) : null,
        CustomProperties = change.CustomProperties?.Select(property => new CustomProperty(property.Name, property.Value)).ToList(),
        Initialization = change.Initialization is { } initialization
            ? new GuestInitialization(initialization.Values, [.. initialization.Nics.Select(ToGuestNic)], false, false)
            : null,
        Rng = change.Rng is { } rng ? new RngDevice(rng.Source, rng.Bytes, rng.Period) : null,
    };

    private static GuestNic ToGuestNic(VmGuestNic nic) => new()
    {
        Name = nic.Name,
        OnBoot = nic.OnBoot,
        BootProtocol = nic.BootProtocol,
        Ip = ToAddress(nic.Ip),
        Ipv6BootProtocol = nic.Ipv6BootProtocol,
        Ipv6 = ToAddress(nic.Ipv6),
    };

    private static GuestAddress? ToAddress(VmGuestAddress? address) => address is null ? null : new GuestAddress(address.Address, address.Netmask, address.Gateway);
}
