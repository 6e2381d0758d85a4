// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>What a request wants of the guest's file systems at the moment.</summary>
internal static class ConsistencyRules
{
    /// <summary>Frozen where the guest can be, else without.</summary>
    public const string Auto = "auto";

    /// <summary>Frozen, or no restore point.</summary>
    public const string Required = "required";

    /// <summary>The manager is not asked to freeze.</summary>
    public const string Crash = "crash";

    /// <summary>In a snapshot mode: we freeze the guest ourselves, hold it until the snapshot is there, and go on without where it cannot be frozen.</summary>
    public const string Freeze = "freeze";

    public static IReadOnlyList<string> All { get; } = [Auto, Required, Crash, Freeze];

    /// <summary>Why <see cref="Freeze"/> cannot go with changed block tracking.</summary>
    public const string NoFreezeInCbt =
        "in transport mode cbt the manager itself freezes the guest, for the moment of the switch only; a freeze of ours would have to last until scratch disks are made: use --consistency auto or required, or a mode with a snapshot";

    /// <summary>Why a running VM's moment cannot be proven in a transport mode; null when it can.</summary>
    public static string? Refuse(string rule, string vmStatus, string transportMode) => (rule, vmStatus) switch
    {
        (Required, "up") when transportMode != TransportModes.Cbt =>
            $"consistency is required, and in transport mode {transportMode} the manager does not tell whether the guest's file systems were frozen: use {TransportModes.Cbt}, or another --consistency",
        (Freeze, "up") when transportMode == TransportModes.Cbt => NoFreezeInCbt,
        _ => null,
    };
}
