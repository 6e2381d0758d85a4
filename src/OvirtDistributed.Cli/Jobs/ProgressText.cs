// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

/// <summary>The words for progress.</summary>
internal static class ProgressText
{
    /// <summary>Over the whole time; empty before there is any.</summary>
    public static string AverageRate(Progress progress)
    {
        var seconds = progress.Elapsed?.ToTimeSpan().TotalSeconds ?? 0;
        return seconds > 0 && progress.ProcessedBytes > 0 ? ByteText.Rate(progress.ProcessedBytes / seconds) : "";
    }

    /// <summary>"45%  3.2 GiB of 7.0 GiB  120 MiB/s  bottleneck source", as far as it is known.</summary>
    public static string Line(Progress progress, double? bytesPerSecond)
    {
        var parts = new List<string>();
        if (JobText.Fraction(progress) is { } fraction)
        {
            parts.Add($"{Math.Floor(fraction * 100):0}%");
            parts.Add($"{ByteText.Size(progress.ProcessedBytes)} of {ByteText.Size(progress.TotalBytes)}");
        }
        else if (progress.ProcessedBytes > 0)
        {
            parts.Add(ByteText.Size(progress.ProcessedBytes));
        }

        var rate = bytesPerSecond is { } measured ? ByteText.Rate(measured) : AverageRate(progress);
        if (rate.Length > 0)
        {
            parts.Add(rate);
        }

        if (progress.Bottleneck.Length > 0)
        {
            parts.Add($"bottleneck {Cell.Printable(progress.Bottleneck)}");
        }

        return string.Join("  ", parts);
    }
}
