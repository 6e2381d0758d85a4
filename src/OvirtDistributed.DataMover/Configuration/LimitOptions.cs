// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.DataMover.Configuration;

/// <summary>Bounds of the whole process. Configuration section <c>DataMover:Limits</c>.</summary>
public sealed class LimitOptions
{
    /// <summary>Open sessions, reading and writing. A further one is refused as busy. Default 256: far above what one machine's disks can serve at once.</summary>
    public int MaxSessions { get; set; } = 256;

    /// <summary>
    /// MiB of buffers that running streams may use, each counted with the most it can take. A stream that does not fit is refused as busy, so memory
    /// stays bounded however many workers connect. Default 256: about 40 streams.
    /// </summary>
    public int BufferBudgetMiB { get; set; } = 256;

    /// <summary>A session without any call for this long is closed; what it made durable stays. Default 15 minutes: longer than any pause of a living worker.</summary>
    public TimeSpan SessionIdleTimeout { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long a stopping Data Mover gives running calls to end in order. Default 20 seconds, below the usual stop limit of service supervisors.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Pause before a repository that could not be opened is tried again. Default 30 seconds.</summary>
    public TimeSpan ReopenDelay { get; set; } = TimeSpan.FromSeconds(30);

    internal IEnumerable<string> Problems(string section)
    {
        if (MaxSessions is < 1 or > 100_000)
        {
            yield return $"{section}:MaxSessions '{MaxSessions}' is out of range: use 1 to 100000.";
        }

        if (BufferBudgetMiB is < 16 or > 65_536)
        {
            yield return $"{section}:BufferBudgetMiB '{BufferBudgetMiB}' is out of range: use 16 to 65536.";
        }

        if (SessionIdleTimeout < TimeSpan.FromSeconds(10) || SessionIdleTimeout > TimeSpan.FromDays(1))
        {
            yield return $"{section}:SessionIdleTimeout '{SessionIdleTimeout}' is out of range: use 00:00:10 to 1.00:00:00.";
        }

        if (DrainTimeout < TimeSpan.FromSeconds(1) || DrainTimeout > TimeSpan.FromMinutes(10))
        {
            yield return $"{section}:DrainTimeout '{DrainTimeout}' is out of range: use 00:00:01 to 00:10:00.";
        }

        if (ReopenDelay < TimeSpan.FromSeconds(1) || ReopenDelay > TimeSpan.FromHours(1))
        {
            yield return $"{section}:ReopenDelay '{ReopenDelay}' is out of range: use 00:00:01 to 01:00:00.";
        }
    }
}
