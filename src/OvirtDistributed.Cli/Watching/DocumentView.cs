// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Output;

namespace OvirtDistributed.Cli.Watching;

/// <summary>For programs: each change as one line of JSON, or nothing until the end.</summary>
internal sealed class DocumentView(OutputWriter output, bool lines) : IJobView
{
    public async Task ShowAsync(IAsyncEnumerable<JobUpdate> updates, CancellationToken cancellationToken)
    {
        await foreach (var update in updates.WithCancellation(cancellationToken))
        {
            if (lines && update.Job is not null)
            {
                output.JsonLine(update.Job);
            }
        }
    }
}
