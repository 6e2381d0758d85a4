// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>What a running process has used so far, from <c>/proc</c>.</summary>
internal static class ProcessUsage
{
    // USER_HZ is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Highest resident size since the start (VmHWM), in MiB.</summary>
    public static double PeakMiB(int processId)
    {
        const string Field = "VmHWM:";
        var line = File.ReadLines($"/proc/{processId}/status").First(line => line.StartsWith(Field, StringComparison.Ordinal));
        return double.Parse(line[Field.Length..].Replace("kB", string.Empty, StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) / 1024;
    }

    /// <summary>Processor time in user and system mode.</summary>
    public static double CpuSeconds(int processId)
    {
        // The second field is the name in parentheses and may hold spaces: count from its end.
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
