// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Store.Rewriting;

namespace OvirtDistributed.DataMover.Configuration;

/// <summary>
/// How much an incremental backup reads again so that partly used chunks die out and fragments become whole chunks. Configuration section
/// <c>DataMover:Repositories:NAME:Rewriting</c>.
/// </summary>
public sealed class RewritingOptions
{
    /// <summary>Most percent of a disk's data that one backup reads again for this, the worst first. Default 5.</summary>
    public int PercentPerBackup { get; set; } = 5;

    /// <summary>MiB that one backup may read again also where that is more than the percentage. Default 64. With both 0 nothing is written anew.</summary>
    public int MinimumMiBPerBackup { get; set; } = 64;

    internal RewriteOptions ToRewriteOptions() => new() { MostOfDisk = PercentPerBackup / 100.0, MostBytesAtLeast = (long)MinimumMiBPerBackup << 20 };

    internal IEnumerable<string> Problems(string section)
    {
        if (PercentPerBackup is < 0 or > 100)
        {
            yield return $"{section}:PercentPerBackup '{PercentPerBackup}' is out of range: use 0 to 100.";
        }

        if (MinimumMiBPerBackup is < 0 or > 1_048_576)
        {
            yield return $"{section}:MinimumMiBPerBackup '{MinimumMiBPerBackup}' is out of range: use 0 to 1048576.";
        }
    }
}
