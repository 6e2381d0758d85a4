// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Managers;

/// <summary>Settings to change of a VM; null leaves one as it is.</summary>
internal sealed record EngineVmChange
{
    public string? Comment { get; init; }

    public string? VmType { get; init; }

    public bool? DeleteProtected { get; init; }

    public string? BiosType { get; init; }

    public IReadOnlyList<string>? BootDevices { get; init; }

    public bool? BootMenu { get; init; }

    public bool? Tpm { get; init; }

    public string? CustomCpuModel { get; init; }

    public string? CustomEmulatedMachine { get; init; }

    public string? TimeZone { get; init; }

    public VmAvailability? HighAvailability { get; init; }

    public NamedObject? Lease { get; init; }

    public VmPlacement? Placement { get; init; }

    /// <summary>All there are to be.</summary>
    public IReadOnlyList<VmProperty>? CustomProperties { get; init; }

    public VmInitialization? Initialization { get; init; }

    public VmRng? Rng { get; init; }

    public string? Cdrom { get; init; }

    public VmWatchdog? Watchdog { get; init; }

    public IReadOnlyList<string>? Consoles { get; init; }
}

/// <summary>An affinity group of a cluster, with who is in it.</summary>
internal sealed record EngineAffinityGroup(Guid Id, VmAffinityGroup Group, IReadOnlyList<Guid> Vms);

internal sealed record EngineAffinityLabel(Guid Id, string Name);
