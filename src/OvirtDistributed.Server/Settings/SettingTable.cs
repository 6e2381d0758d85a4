// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Server.Settings;

/// <summary>All settings that a restore sets, in the order in which it does: what the manager asks of one comes before it.</summary>
internal static class SettingTable
{
    public const string CustomProperties = "custom properties";
    public const string Lease = "lease";
    public const string Placement = "placement";
    public const string DeleteProtection = "delete protection";

    public static IReadOnlyList<VmSetting> All { get; } =
    [
        new("comment", vm => vm.Comment, vm => new() { Comment = vm.Comment }),
        new("type", vm => vm.VmType, vm => new() { VmType = vm.VmType }),
        new("BIOS type", vm => vm.BiosType, vm => new() { BiosType = vm.BiosType }),
        new("boot order", vm => string.Join(", ", vm.BootDevices), vm => new() { BootDevices = vm.BootDevices }),
        new("boot menu", vm => vm.BootMenu ? "on" : "", vm => new() { BootMenu = vm.BootMenu }),
        new("TPM", vm => vm.Tpm ? "on" : "", vm => new() { Tpm = vm.Tpm }),
        new("CPU model", vm => vm.CustomCpuModel, vm => new() { CustomCpuModel = vm.CustomCpuModel }),
        new("emulated machine", vm => vm.CustomEmulatedMachine, vm => new() { CustomEmulatedMachine = vm.CustomEmulatedMachine }),
        new("time zone", vm => vm.TimeZone, vm => new() { TimeZone = vm.TimeZone }),
        new("high availability", Availability, vm => new() { HighAvailability = vm.HighAvailability }),
        new(Lease, vm => vm.Lease is { } lease ? $"on {NameOf(lease)}" : "", vm => new() { Lease = vm.Lease })
        {
            Compare = (wanted, actual) => wanted.Lease?.Id == actual.Lease?.Id,
        },
        new(Placement, PlacementText, vm => new() { Placement = vm.Placement }) { Compare = (wanted, actual) => SamePlacement(wanted.Placement, actual.Placement) },
        new(CustomProperties, vm => string.Join(", ", vm.CustomProperties.Select(property => $"{property.Name}={property.Value}")), vm => new() { CustomProperties = vm.CustomProperties })
        {
            Compare = (wanted, actual) => wanted.CustomProperties.All(actual.CustomProperties.Contains),
        },
        new("initialization", InitializationText.Of, vm => new() { Initialization = vm.Initialization }) { Compare = InitializationText.Holds },
        new("random numbers", RngText, vm => new() { Rng = vm.Rng }),
        new("watchdog", vm => vm.Watchdog is { } watchdog ? $"{watchdog.Model}, {watchdog.Action}" : "", vm => new() { Watchdog = vm.Watchdog }),
        new("graphics consoles", vm => string.Join(", ", vm.Consoles), vm => new() { Consoles = vm.Consoles }),
        new("CD-ROM", vm => vm.Cdrom, vm => new() { Cdrom = vm.Cdrom }),
    ];

    public static string NameOf(NamedObject named) => named.Name.Length > 0 ? named.Name : $"{named.Id}";

    private static string Availability(VmMetadata vm) =>
        vm.HighAvailability is { Enabled: true } availability ? string.Create(CultureInfo.InvariantCulture, $"on, priority {availability.Priority}") : "";

    private static string PlacementText(VmMetadata vm) => vm.Placement switch
    {
        null or { Affinity: "migratable", Hosts.Count: 0 } => "",
        { Hosts.Count: 0 } placement => placement.Affinity,
        { } placement => $"{placement.Affinity}, on {string.Join(", ", placement.Hosts.Select(NameOf))}",
    };

    private static bool SamePlacement(VmPlacement? wanted, VmPlacement? actual) =>
        wanted?.Affinity == actual?.Affinity && (wanted?.Hosts ?? []).Select(host => host.Id).ToHashSet().SetEquals((actual?.Hosts ?? []).Select(host => host.Id));

    private static string RngText(VmMetadata vm) => vm.Rng switch
    {
        null => "",
        { Bytes: { } bytes, Period: { } period } rng => string.Create(CultureInfo.InvariantCulture, $"{rng.Source}, {bytes} bytes in {period} ms"),
        { } rng => rng.Source,
    };
}
