// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Server.Settings;

/// <summary>What a restore point says of its VM's settings, for people.</summary>
internal static class SavedSettings
{
    /// <param name="saved">Of the point.</param>
    /// <param name="tags">Of the point.</param>
    public static IEnumerable<(string Name, string Value)> Describe(VmMetadata saved, IReadOnlyList<string> tags) =>
    [
        .. SettingTable.All.Where(setting => setting.IsSet(saved)).Select(setting => (setting.Name, setting.Describe(saved))),
        .. saved.AffinityGroups.Select(group => (SettingsPlanner.GroupName(group.Name), SettingsPlanner.Describe(group))),
        .. saved.AffinityLabels.Count > 0 ? [("affinity labels", string.Join(", ", saved.AffinityLabels))] : Nothing,
        .. tags.Count > 0 ? [("tags", string.Join(", ", tags))] : Nothing,
        .. saved.Initialization is { HasPassword: true } ? [("initialization password", "was set, not in the restore point")] : Nothing,
        .. saved.Initialization is { HasLicenseKey: true } ? [("license key", "was set, in the OVF only")] : Nothing,
        .. saved.HostDevices.Count > 0 ? [("host devices", string.Join(", ", saved.HostDevices))] : Nothing,
        .. saved.NumaNodes > 0 ? [("NUMA nodes", saved.NumaNodes.ToString(CultureInfo.InvariantCulture))] : Nothing,
        .. saved.DeleteProtected ? [(SettingTable.DeleteProtection, "on")] : Nothing,
    ];

    private static (string Name, string Value)[] Nothing => [];
}
