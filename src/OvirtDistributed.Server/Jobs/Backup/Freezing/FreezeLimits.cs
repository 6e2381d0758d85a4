// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>How long a guest may stay frozen, and what of a request does not go together.</summary>
internal static class FreezeLimits
{
    public static readonly TimeSpan Default = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>One thaw call, of which there may be many.</summary>
    public static readonly TimeSpan OneThaw = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>The pause after a try: it doubles, up to <paramref name="longest"/> (30 s when null).</summary>
    public static TimeSpan PauseAfter(int tries, TimeSpan first, TimeSpan? longest = null)
    {
        var pause = first * (1 << Math.Clamp(tries - 1, 0, 20));
        var most = longest ?? LongestPause;
        return pause < most ? pause : most;
    }

    /// <exception cref="OperatorException">They cannot work; names field and value.</exception>
    public static void Check(BackupRequest request)
    {
        if (request.Consistency == ConsistencyRules.Freeze && request.TransportMode == TransportModes.Cbt)
        {
            throw OperatorException.Invalid("consistency", request.Consistency, $"{ConsistencyRules.NoFreezeInCbt}.");
        }

        if (request.FreezeTimeout is not { } timeout)
        {
            return;
        }

        if (request.Consistency != ConsistencyRules.Freeze)
        {
            throw OperatorException.Invalid("freeze_timeout", $"{timeout}", $"it needs consistency {ConsistencyRules.Freeze}; leave it out with {request.Consistency}.");
        }

        if (timeout < Shortest || timeout > Longest)
        {
            throw OperatorException.Invalid("freeze_timeout", $"{timeout}", $"use {Shortest.TotalSeconds:F0} to {Longest.TotalSeconds:F0} seconds: everything in the guest that writes waits meanwhile.");
        }
    }
}
