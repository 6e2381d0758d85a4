// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Store.Collection;

namespace OvirtDistributed.DataMover.Configuration;

/// <summary>How a repository gives back the space of what no restore point reaches. Configuration section <c>DataMover:Repositories:NAME:GarbageCollection</c>.</summary>
public sealed class CollectionOptions
{
    /// <summary>Pause between two rounds; the first comes this long after the start. 0 = never by itself. Default 24 hours.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromHours(24);

    /// <summary>How long a dispensable pack stays. Default 24 hours.</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromHours(24);

    /// <summary>A pack of which less than this percentage is in use is rewritten. Default 60; 0 rewrites none.</summary>
    public int RewriteBelowPercent { get; set; } = 60;

    /// <summary>Sealed packs smaller than this percentage of the pack size are merged, once there are some. Default 25; 0 merges none.</summary>
    public int MergeBelowPercent { get; set; } = 25;

    /// <summary>Most MiB a second that a round reads and rewrites; 0 = as fast as it goes. Default 0.</summary>
    public int MaxMiBPerSecond { get; set; }

    /// <summary>Most MiB of memory of a round; a small repository takes less. Default 1024, enough for 800 million chunks.</summary>
    public int MemoryMiB { get; set; } = 1024;

    internal GcOptions ToGcOptions() => new()
    {
        Grace = Grace,
        RewriteBelow = RewriteBelowPercent / 100.0,
        MergeBelow = MergeBelowPercent / 100.0,
        BytesPerSecond = (long)MaxMiBPerSecond << 20,
        MarkBytes = (long)MemoryMiB << 20,
    };

    internal IEnumerable<string> Problems(string section)
    {
        if (Interval != TimeSpan.Zero && (Interval < TimeSpan.FromMinutes(1) || Interval > TimeSpan.FromDays(365)))
        {
            yield return $"{section}:Interval '{Interval}' is out of range: use 00:01:00 to 365.00:00:00, or 00:00:00 for never.";
        }

        if (Grace < TimeSpan.Zero || Grace > TimeSpan.FromDays(365))
        {
            yield return $"{section}:Grace '{Grace}' is out of range: use 00:00:00 to 365.00:00:00.";
        }

        if (RewriteBelowPercent is < 0 or > 95)
        {
            yield return $"{section}:RewriteBelowPercent '{RewriteBelowPercent}' is out of range: use 0 to 95.";
        }

        if (MergeBelowPercent is < 0 or > 50)
        {
            yield return $"{section}:MergeBelowPercent '{MergeBelowPercent}' is out of range: use 0 to 50.";
        }

        if (MaxMiBPerSecond is < 0 or > 1_000_000)
        {
            yield return $"{section}:MaxMiBPerSecond '{MaxMiBPerSecond}' is out of range: use 0 (no limit) to 1000000.";
        }

        if (MemoryMiB is < 1 or > 65_536)
        {
            yield return $"{section}:MemoryMiB '{MemoryMiB}' is out of range: use 1 to 65536.";
        }
    }
}
