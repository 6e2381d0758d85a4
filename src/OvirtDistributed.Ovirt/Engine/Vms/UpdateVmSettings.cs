// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

/// <summary>Settings to change of a VM; null leaves one as it is. A VM that runs takes most of them at its next start.</summary>
public sealed record UpdateVmSettings
{
    public string? Comment { get; init; }

    public string? Type { get; init; }

    public bool? DeleteProtected { get; init; }

    public string? BiosType { get; init; }

    public bool? BootMenu { get; init; }

    public IReadOnlyList<string>? BootDevices { get; init; }

    public bool? Tpm { get; init; }

    public string? CustomCpuModel { get; init; }

    public string? CustomEmulatedMachine { get; init; }

    public string? TimeZone { get; init; }

    public HighAvailability? HighAvailability { get; init; }

    /// <summary>The engine gives a lease only to a VM that is highly available.</summary>
    public StorageDomainId? LeaseStorageDomain { get; init; }

    /// <summary>Its hosts must be of the VM's cluster.</summary>
    public PlacementPolicy? Placement { get; init; }

    /// <summary>All there are to be: replaces those that there were.</summary>
    public IReadOnlyList<CustomProperty>? CustomProperties { get; init; }

    /// <summary>Changes what it has; a password that is set stays.</summary>
    public GuestInitialization? Initialization { get; init; }

    public RngDevice? Rng { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("comment", Comment)
        .Set("type", Type)
        .Set("delete_protected", DeleteProtected)
        .Set("tpm_enabled", Tpm)
        .Set("custom_cpu_model", CustomCpuModel)
        .Set("custom_emulated_machine", CustomEmulatedMachine)
        .Set("time_zone", TimeZone is null ? null : new JsonObject().Set("name", TimeZone))
        .Set("bios", Bios())
        .Set("os", BootDevices is null ? null : new JsonObject().Set("boot", new JsonObject().Set("devices", Devices(BootDevices))))
        .Set("high_availability", HighAvailability is { } availability
            ? new JsonObject().Set("enabled", availability.Enabled).Set("priority", availability.Priority)
            : null)
        .Set("lease", LeaseStorageDomain is { } domain ? new JsonObject().SetReference<StorageDomainId>("storage_domain", domain) : null)
        .Set("placement_policy", Placement is { } placement
            ? new JsonObject().Set("affinity", placement.Affinity).SetList("hosts", "host", placement.Hosts.Select(WireBody.Reference))
            : null)
        .SetList("custom_properties", "custom_property", CustomProperties?.Select(property => new JsonObject().Set("name", property.Name).Set("value", property.Value)))
        .Set("initialization", Initialization is { } initialization ? Body(initialization) : null)
        .Set("rng_device", Rng is { } rng ? Body(rng) : null);

    private JsonObject? Bios() => BiosType is null && BootMenu is null
        ? null
        : new JsonObject().Set("type", BiosType).Set("boot_menu", BootMenu is null ? null : new JsonObject().Set("enabled", BootMenu));

    private static JsonObject Devices(IReadOnlyList<string> devices) => new() { ["device"] = new JsonArray([.. devices.Select(device => JsonValue.Create(device))]) };

    private static JsonObject Body(RngDevice rng)
    {
        var rate = rng.Bytes is null ? null : new JsonObject().Set("bytes", rng.Bytes).Set("period", rng.Period);
        return new JsonObject().Set("source", rng.Source).Set("rate", rate);
    }

    private static JsonObject Body(GuestInitialization initialization)
    {
        var body = new JsonObject();
        foreach (var (name, value) in initialization.Values)
        {
            body.Set(name, value);
        }

        return body.SetList("nic_configurations", "nic_configuration", initialization.Nics.Count == 0 ? null : initialization.Nics.Select(Body));
    }

    private static JsonObject Body(GuestNic nic) => new JsonObject()
        .Set("name", nic.Name)
        .Set("on_boot", nic.OnBoot)
        .Set("boot_protocol", nic.BootProtocol)
        .Set("ip", Body(nic.Ip))
        .Set("ipv6_boot_protocol", nic.Ipv6BootProtocol)
        .Set("ipv6", Body(nic.Ipv6));

    private static JsonObject? Body(GuestAddress? address) => address is null
        ? null
        : new JsonObject().Set("address", address.Address).Set("netmask", address.Netmask).Set("gateway", address.Gateway);
}
