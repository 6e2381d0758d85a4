// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Output;

/// <summary>Amounts of bytes in IEC units.</summary>
internal static class ByteText
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>"0 B", "512 B", "1.5 KiB", "10.0 GiB", "128 GiB".</summary>
    public static string Size(long bytes)
    {
        var value = (double)Math.Abs(bytes);
        var unit = 0;
        // 1023.95 would round to "1024.0".
        while (value >= 1023.5 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        var sign = bytes < 0 ? "-" : "";
        return unit == 0 || value >= 99.95 ? $"{sign}{value:0} {Units[unit]}" : $"{sign}{value:0.0} {Units[unit]}";
    }

    public static string Rate(double bytesPerSecond) => $"{Size((long)bytesPerSecond)}/s";
}
