// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>Journals pages at the Data Mover once they and their chunks are durable: that is where another attempt continues.</summary>
internal sealed class PageJournal(UploadLanes lanes, BackupSession session, TransferMeter meter, TimeProvider time)
{
    // Each record makes the Data Mover flush: seconds apart, so that the flushes stay few, and no more work than that is lost.
    private static readonly TimeSpan RecordPause = TimeSpan.FromSeconds(3);

    private readonly Channel<(long[] Mark, PageDigest[] Pages)> _finished = Channel.CreateUnbounded<(long[], PageDigest[])>();

    // The channel's own completion comes only once it is empty, which it is not when the last pages arrive during a pause.
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Lock _adding = new();

    /// <summary>Pages whose frames, and those of their chunks, were all handed to the lanes before. Thread-safe.</summary>
    public void Add(PageDigest[] pages)
    {
        // In one step: the mark of what is written last must cover what was written before.
        lock (_adding)
        {
            _finished.Writer.TryWrite((lanes.TakeMark(), pages));
        }
    }

    /// <summary>Nothing will be added any more.</summary>
    public void Complete()
    {
        _complete.SetResult();
        _finished.Writer.Complete();
    }

    /// <summary>Journals pages until <see cref="Complete"/>; then the disk's root makes the journal superfluous.</summary>
    public async Task RecordAsync(CancellationToken cancellationToken)
    {
        while (await _finished.Reader.WaitToReadAsync(cancellationToken))
        {
            var pages = new List<PageDigest>();
            var mark = Array.Empty<long>();
            while (_finished.Reader.TryRead(out var finished))
            {
                pages.AddRange(finished.Pages);
                mark = finished.Mark;
            }

            if (_complete.Task.IsCompleted)
            {
                return;
            }

            var since = meter.Now();
            await lanes.FlushAsync(cancellationToken);
            await lanes.WaitDurableAsync(mark, cancellationToken);
            await session.RecordPagesAsync(pages, cancellationToken);
            meter.Waited(PipelineStage.Store, since);
            await Task.WhenAny(_complete.Task, Task.Delay(RecordPause, time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
