// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Benchmarks.IndexScale;

/// <summary>What the kernel says of this process.</summary>
internal static class ProcessFigures
{
    private const double MiB = 1 << 20;

    /// <summary>Resident memory of its own, without mapped files, in MiB.</summary>
    public static double AnonymousMiB => StatusKiB("RssAnon:") / 1024.0;

    /// <summary>Resident pages of mapped files in MiB: page cache that the kernel takes back when it needs it.</summary>
    public static double MappedMiB => StatusKiB("RssFile:") / 1024.0;

    public static double ManagedHeapMiB => GC.GetTotalMemory(forceFullCollection: true) / MiB;

    /// <summary>Bytes this process made the disk read.</summary>
    public static long DiskReadBytes => Field("/proc/self/io", "read_bytes:");

    private static long StatusKiB(string field) => Field("/proc/self/status", field);

    private static long Field(string file, string field)
    {
        foreach (var line in File.ReadLines(file))
        {
            if (line.StartsWith(field, StringComparison.Ordinal))
            {
                return long.Parse(line.AsSpan(field.Length).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }
}

/// <summary>Looks every 50 ms at how much memory the process has, and keeps the highest.</summary>
internal sealed class PeakMemory : IDisposable
{
    private readonly Timer _timer;
    private double _peakMiB;

    public PeakMemory()
    {
        _timer = new Timer(_ => _peakMiB = Math.Max(_peakMiB, ProcessFigures.AnonymousMiB), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(50));
    }

    public double PeakMiB => Math.Max(_peakMiB, ProcessFigures.AnonymousMiB);

    public void Dispose() => _timer.Dispose();
}
