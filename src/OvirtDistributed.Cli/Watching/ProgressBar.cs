// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Watching;

/// <summary>A bar of text.</summary>
internal static class ProgressBar
{
    public static (string Done, string Left) Draw(double fraction, int width)
    {
        var full = (int)Math.Floor(Math.Clamp(fraction, 0, 1) * width);
        return (new string('━', full), new string('─', width - full));
    }
}
