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

    public static IReadOnlyList<string> All { get; } = [Auto, Required, Crash];

    /// <summary>Why a running VM's moment cannot be proven in a transport mode; null when it can.</summary>
    public static string? Refuse(string rule, string vmStatus, string transportMode) => rule == Required && vmStatus == "up" && transportMode != TransportModes.Cbt
        ? $"consistency is required, and in transport mode {transportMode} the manager does not tell whether the guest's file systems were frozen: use {TransportModes.Cbt}, or another --consistency"
        : null;
}
