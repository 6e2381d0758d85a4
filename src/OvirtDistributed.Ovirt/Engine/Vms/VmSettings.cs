// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

/// <summary>What a VM is set to, beside its disks, NICs and tags. No secret is in it: the engine tells none.</summary>
public sealed record VmSettings
{
    public ClusterId? Cluster { get; init; }

    public string? Comment { get; init; }

    /// <summary>desktop, server, high_performance.</summary>
    public string? Type { get; init; }

    public bool DeleteProtected { get; init; }

    public string? BiosType { get; init; }

    public bool? BootMenu { get; init; }

    /// <summary>hd, network, cdrom; the first is tried first.</summary>
    public IReadOnlyList<string> BootDevices { get; init; } = [];

    public bool? Tpm { get; init; }

    public string? CustomCpuModel { get; init; }

    public string? CustomEmulatedMachine { get; init; }

    public string? TimeZone { get; init; }

    public HighAvailability? HighAvailability { get; init; }

    public StorageDomainId? LeaseStorageDomain { get; init; }

    public PlacementPolicy? Placement { get; init; }

    public IReadOnlyList<CustomProperty> CustomProperties { get; init; } = [];

    public GuestInitialization? Initialization { get; init; }

    public RngDevice? Rng { get; init; }

    /// <summary>Id of the disc image; null while none is in.</summary>
    public string? Cdrom { get; init; }

    public Watchdog? Watchdog { get; init; }

    /// <summary>vnc, spice; none on a headless VM.</summary>
    public IReadOnlyList<string> GraphicsConsoles { get; init; } = [];

    public IReadOnlyList<string> AffinityLabels { get; init; } = [];

    public IReadOnlyList<string> HostDevices { get; init; } = [];

    public int NumaNodes { get; init; }
}

/// <param name="Enabled">Started again elsewhere when its host is lost.</param>
/// <param name="Priority">Higher is earlier.</param>
public sealed record HighAvailability(bool Enabled, long Priority);

/// <param name="Affinity">migratable, user_migratable, pinned.</param>
/// <param name="Hosts">The hosts it may run on; none: any.</param>
public sealed record PlacementPolicy(string Affinity, IReadOnlyList<HostId> Hosts);

public sealed record CustomProperty(string Name, string Value);

/// <param name="Source">urandom, hwrng.</param>
/// <param name="Bytes">Most in a period; null: no limit.</param>
/// <param name="Period">Milliseconds.</param>
public sealed record RngDevice(string Source, long? Bytes, long? Period);

public sealed record Watchdog(string Model, string Action);

/// <summary>What cloud-init or sysprep is given.</summary>
/// <param name="Values">The engine's name of a value → the value.</param>
/// <param name="Nics">Addresses of the guest's network devices.</param>
/// <param name="HasPassword">A password of the administrator is set. The engine shows asterisks in its place.</param>
/// <param name="HasLicenseKey">A license key is set, which is not read.</param>
public sealed record GuestInitialization(
    IReadOnlyDictionary<string, string> Values, IReadOnlyList<GuestNic> Nics, bool HasPassword, bool HasLicenseKey);

public sealed record GuestNic
{
    public required string Name { get; init; }

    public bool? OnBoot { get; init; }

    /// <summary>none, static, dhcp.</summary>
    public string? BootProtocol { get; init; }

    public GuestAddress? Ip { get; init; }

    public string? Ipv6BootProtocol { get; init; }

    public GuestAddress? Ipv6 { get; init; }
}

public sealed record GuestAddress(string? Address, string? Netmask, string? Gateway);
