// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Server.Settings;

/// <summary>What cloud-init or sysprep is given, for people: long values and keys by their length only.</summary>
internal static class InitializationText
{
    private static readonly string[] Long = ["custom_script", "authorized_ssh_keys"];

    public static string Of(VmMetadata vm) => vm.Initialization is { } initialization
        ? string.Join(", ", initialization.Values.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(Text).Concat(initialization.Nics.Select(Text)))
        : "";

    /// <summary>The manager may add values of its own: only what was wanted counts.</summary>
    public static bool Holds(VmMetadata wanted, VmMetadata actual) => wanted.Initialization is not { } before
        || (actual.Initialization is { } now
            && before.Values.All(pair => now.Values.TryGetValue(pair.Key, out var value) && Same(value, pair.Value))
            && before.Nics.All(now.Nics.Contains));

    /// <summary>A manager may give line ends and the case of words back in another form.</summary>
    private static bool Same(string left, string right) => string.Equals(
        left.ReplaceLineEndings("\n").Trim(), right.ReplaceLineEndings("\n").Trim(), StringComparison.OrdinalIgnoreCase);

    private static string Text(KeyValuePair<string, string> pair) => Long.Contains(pair.Key)
        ? string.Create(CultureInfo.InvariantCulture, $"{pair.Key} ({pair.Value.Length} characters)")
        : $"{pair.Key}={pair.Value}";

    private static string Text(VmGuestNic nic) =>
        $"{nic.Name}: {string.Join(" ", new[] { nic.BootProtocol, nic.Ip?.Address, nic.Ipv6?.Address }.Where(part => !string.IsNullOrEmpty(part)))}";
}
