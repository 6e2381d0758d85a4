// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Watching;

/// <summary>Shows running jobs: bars on a terminal, lines elsewhere, documents for programs.</summary>
internal interface IJobView
{
    /// <summary>Shows the updates until there are no more. Called once.</summary>
    Task ShowAsync(IAsyncEnumerable<JobUpdate> updates, CancellationToken cancellationToken);
}
