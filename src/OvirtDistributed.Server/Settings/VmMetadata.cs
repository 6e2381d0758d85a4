// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Settings;

/// <summary>
/// What a VM is set to beside disks, NICs and tags, as a restore point keeps it. No secret is in it. Properties are only added: a reader passes over those it does
/// not know, and one that is missing was not known when the point was made.
/// </summary>
internal sealed record VmMetadata
{
    public const int CurrentVersion = 1;

    /// <summary>Grows only when an older reader would misunderstand what is there.</summary>
    public int Version { get; init; } = CurrentVersion;

    public string Comment { get; init; } = "";

    /// <summary>desktop, server, high_performance.</summary>
    public string VmType { get; init; } = "";

    public bool DeleteProtected { get; init; }

    public string BiosType { get; init; } = "";

    /// <summary>hd, network, cdrom; the first is tried first.</summary>
    public IReadOnlyList<string> BootDevices { get; init; } = [];

    public bool BootMenu { get; init; }

    public bool Tpm { get; init; }

    public string CustomCpuModel { get; init; } = "";

    public string CustomEmulatedMachine { get; init; } = "";

    public string TimeZone { get; init; } = "";

    public VmAvailability? HighAvailability { get; init; }

    /// <summary>The storage domain that holds the VM's lease.</summary>
    public NamedObject? Lease { get; init; }

    public VmPlacement? Placement { get; init; }

    public IReadOnlyList<VmProperty> CustomProperties { get; init; } = [];

    public VmInitialization? Initialization { get; init; }

    public VmRng? Rng { get; init; }

    /// <summary>Id of the disc image in the drive; empty while none is.</summary>
    public string Cdrom { get; init; } = "";

    public VmWatchdog? Watchdog { get; init; }

    /// <summary>vnc, spice; none on a headless VM.</summary>
    public IReadOnlyList<string> Consoles { get; init; } = [];

    public IReadOnlyList<VmAffinityGroup> AffinityGroups { get; init; } = [];

    public IReadOnlyList<string> AffinityLabels { get; init; } = [];

    public IReadOnlyList<string> HostDevices { get; init; } = [];

    public int NumaNodes { get; init; }
}

internal sealed record NamedObject(Guid Id, string Name);

internal sealed record VmAvailability(bool Enabled, long Priority);

/// <param name="Affinity">migratable, user_migratable, pinned.</param>
/// <param name="Hosts">Those it may run on; none: any.</param>
internal sealed record VmPlacement(string Affinity, IReadOnlyList<NamedObject> Hosts);

internal sealed record VmProperty(string Name, string Value);

/// <param name="Source">urandom, hwrng.</param>
/// <param name="Bytes">Most in a period; null: no limit.</param>
/// <param name="Period">Milliseconds.</param>
internal sealed record VmRng(string Source, long? Bytes, long? Period);

internal sealed record VmWatchdog(string Model, string Action);

/// <param name="Values">The manager's name of a value → the value.</param>
/// <param name="Nics">Addresses of the guest's network devices.</param>
/// <param name="HasPassword">A password was set; no manager tells it.</param>
/// <param name="HasLicenseKey">A license key was set; it is not kept.</param>
internal sealed record VmInitialization(IReadOnlyDictionary<string, string> Values, IReadOnlyList<VmGuestNic> Nics, bool HasPassword, bool HasLicenseKey);

internal sealed record VmGuestNic(
    string Name, bool? OnBoot, string? BootProtocol, VmGuestAddress? Ip, string? Ipv6BootProtocol, VmGuestAddress? Ipv6);

internal sealed record VmGuestAddress(string? Address, string? Netmask, string? Gateway);

/// <summary>An affinity group as it was, so that it can be made again.</summary>
internal sealed record VmAffinityGroup
{
    public required string Name { get; init; }

    public string Description { get; init; } = "";

    /// <summary>A decimal number as the manager writes it.</summary>
    public string Priority { get; init; } = "";

    public VmAffinityRule? VmsRule { get; init; }

    public VmAffinityRule? HostsRule { get; init; }

    public IReadOnlyList<NamedObject> Hosts { get; init; } = [];
}

/// <param name="Enabled">Whether it is in force.</param>
/// <param name="Enforcing">Hard instead of soft.</param>
/// <param name="Positive">Together instead of apart.</param>
internal sealed record VmAffinityRule(bool Enabled, bool Enforcing, bool Positive);
