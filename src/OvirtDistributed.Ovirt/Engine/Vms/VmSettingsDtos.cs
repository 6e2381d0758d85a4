// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;

namespace OvirtDistributed.Ovirt.Engine.Vms;

internal sealed class VmSettingsDto
{
    public RefDto? Cluster { get; init; }

    public string? Comment { get; init; }

    public string? Type { get; init; }

    public bool? DeleteProtected { get; init; }

    public bool? TpmEnabled { get; init; }

    public string? CustomCpuModel { get; init; }

    public string? CustomEmulatedMachine { get; init; }

    public NamedDto? TimeZone { get; init; }

    public BiosSettingsDto? Bios { get; init; }

    public OsSettingsDto? Os { get; init; }

    public HighAvailabilityDto? HighAvailability { get; init; }

    public LeaseDto? Lease { get; init; }

    public PlacementPolicyDto? PlacementPolicy { get; init; }

    public WireList<CustomPropertyDto>? CustomProperties { get; init; }

    public InitializationSettingsDto? Initialization { get; init; }

    public RngDeviceDto? RngDevice { get; init; }
}

internal sealed class BiosSettingsDto
{
    public string? Type { get; init; }

    public EnabledDto? BootMenu { get; init; }
}

internal sealed class EnabledDto
{
    public bool? Enabled { get; init; }
}

internal sealed class OsSettingsDto
{
    public BootDto? Boot { get; init; }
}

internal sealed class BootDto
{
    public WireList<string>? Devices { get; init; }
}

internal sealed class HighAvailabilityDto
{
    public bool? Enabled { get; init; }

    public long? Priority { get; init; }
}

internal sealed class PlacementPolicyDto
{
    public string? Affinity { get; init; }

    public WireList<RefDto>? Hosts { get; init; }
}

internal sealed class CustomPropertyDto
{
    public string? Name { get; init; }

    public string? Value { get; init; }
}

internal sealed class RngDeviceDto
{
    public string? Source { get; init; }

    public RateDto? Rate { get; init; }
}

internal sealed class RateDto
{
    public long? Bytes { get; init; }

    public long? Period { get; init; }
}

internal sealed class InitializationSettingsDto
{
    public string? HostName { get; init; }

    public string? Domain { get; init; }

    public string? Timezone { get; init; }

    public string? AuthorizedSshKeys { get; init; }

    public string? RegenerateSshKeys { get; init; }

    public string? DnsServers { get; init; }

    public string? DnsSearch { get; init; }

    public string? CustomScript { get; init; }

    public string? InputLocale { get; init; }

    public string? UiLanguage { get; init; }

    public string? SystemLocale { get; init; }

    public string? UserLocale { get; init; }

    public string? UserName { get; init; }

    public string? ActiveDirectoryOu { get; init; }

    public string? OrgName { get; init; }

    public string? CloudInitNetworkProtocol { get; init; }

    public string? RootPassword { get; init; }

    public string? WindowsLicenseKey { get; init; }

    public WireList<NicConfigurationDto>? NicConfigurations { get; init; }
}

internal sealed class NicConfigurationDto
{
    public string? Name { get; init; }

    public bool? OnBoot { get; init; }

    public string? BootProtocol { get; init; }

    public GuestAddressDto? Ip { get; init; }

    public string? Ipv6BootProtocol { get; init; }

    public GuestAddressDto? Ipv6 { get; init; }
}

internal sealed class GuestAddressDto
{
    public string? Address { get; init; }

    public string? Netmask { get; init; }

    public string? Gateway { get; init; }
}

internal sealed class CdromDto
{
    public string? Id { get; init; }

    public RefDto? File { get; init; }
}

internal sealed class WatchdogDto
{
    public string? Id { get; init; }

    public string? Model { get; init; }

    public string? Action { get; init; }
}

internal sealed class GraphicsConsoleDto
{
    public string? Id { get; init; }

    public string? Protocol { get; init; }
}

internal sealed class NamedDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }
}
