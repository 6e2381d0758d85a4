// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

internal static class VmSettingsMapping
{
    public static VmSettings ToSettings(VmSettingsDto dto) => new()
    {
        Cluster = WireValue.OptionalId<ClusterId>(dto.Cluster, "vm.cluster.id"),
        Comment = dto.Comment,
        Type = dto.Type,
        DeleteProtected = dto.DeleteProtected ?? false,
        BiosType = dto.Bios?.Type,
        BootMenu = dto.Bios?.BootMenu?.Enabled,
        BootDevices = dto.Os?.Boot?.Devices?.Items ?? [],
        Tpm = dto.TpmEnabled,
        CustomCpuModel = dto.CustomCpuModel,
        CustomEmulatedMachine = dto.CustomEmulatedMachine,
        TimeZone = dto.TimeZone?.Name,
        HighAvailability = dto.HighAvailability is { } availability ? new HighAvailability(availability.Enabled ?? false, availability.Priority ?? 0) : null,
        LeaseStorageDomain = WireValue.OptionalId<StorageDomainId>(dto.Lease?.StorageDomain, "vm.lease.storage_domain.id"),
        Placement = dto.PlacementPolicy is { } policy
            ? new PlacementPolicy(policy.Affinity ?? "migratable", WireValue.Ids<HostId>(policy.Hosts, "vm.placement_policy.hosts.id"))
            : null,
        CustomProperties = dto.CustomProperties is { } properties
            ? WireValue.Map(properties, property => new CustomProperty(property.Name ?? string.Empty, property.Value ?? string.Empty))
            : [],
        Initialization = dto.Initialization is { } initialization ? ToInitialization(initialization) : null,
        Rng = dto.RngDevice?.Source is { } source ? new RngDevice(source, dto.RngDevice.Rate?.Bytes, dto.RngDevice.Rate?.Period) : null,
    };

    private static GuestInitialization? ToInitialization(InitializationSettingsDto dto)
    {
        var values = new Dictionary<string, string>();
        foreach (var (name, value) in Named(dto))
        {
            if (!string.IsNullOrEmpty(value))
            {
                values[name] = value;
            }
        }

        var nics = dto.NicConfigurations is { } configurations ? WireValue.Map(configurations, ToNic) : [];
        var (password, license) = (!string.IsNullOrEmpty(dto.RootPassword), !string.IsNullOrEmpty(dto.WindowsLicenseKey));
        return values.Count == 0 && nics.Count == 0 && !password && !license ? null : new GuestInitialization(values, nics, password, license);
    }

    private static IEnumerable<(string Name, string? Value)> Named(InitializationSettingsDto dto) =>
    [
        ("host_name", dto.HostName), ("domain", dto.Domain), ("timezone", dto.Timezone), ("authorized_ssh_keys", dto.AuthorizedSshKeys),
        ("regenerate_ssh_keys", dto.RegenerateSshKeys), ("dns_servers", dto.DnsServers), ("dns_search", dto.DnsSearch), ("custom_script", dto.CustomScript),
        ("input_locale", dto.InputLocale), ("ui_language", dto.UiLanguage), ("system_locale", dto.SystemLocale), ("user_locale", dto.UserLocale),
        ("user_name", dto.UserName), ("active_directory_ou", dto.ActiveDirectoryOu), ("org_name", dto.OrgName),
        ("cloud_init_network_protocol", dto.CloudInitNetworkProtocol),
    ];

    private static GuestNic ToNic(NicConfigurationDto dto) => new()
    {
        Name = dto.Name ?? string.Empty,
        OnBoot = dto.OnBoot,
        BootProtocol = dto.BootProtocol,
        Ip = ToAddress(dto.Ip),
        Ipv6BootProtocol = dto.Ipv6BootProtocol,
        Ipv6 = ToAddress(dto.Ipv6),
    };

    /// <summary>An engine may write an empty address where there is none.</summary>
    private static GuestAddress? ToAddress(GuestAddressDto? dto) =>
        dto is null or { Address: null or "", Netmask: null or "", Gateway: null or "" } ? null : new GuestAddress(dto.Address, dto.Netmask, dto.Gateway);
}
