// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Restore;

/// <summary>Shows a download: a bar on a terminal, lines elsewhere, nothing for programs.</summary>
internal interface IDownloadView
{
    /// <summary>Runs the work while showing it.</summary>
    /// <param name="sizeBytes">Size of the disk.</param>
    /// <param name="work">Is given a callback for the position on the disk and the data bytes written so far.</param>
    Task RunAsync(long sizeBytes, Func<Action<long, long>, Task> work);
}
