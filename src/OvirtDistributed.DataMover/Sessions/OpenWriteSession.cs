// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>One attempt at one disk, open for writing.</summary>
internal sealed class OpenWriteSession(WriteSession store, HostedRepository repository, string jobId, string diskId, Activity? span)
    : OpenSession(store.Id, repository, store.TaskId, store.FencingToken, span)
{
    private readonly HashSet<long> _pages = [.. store.CompletedPages.Select(page => page.PageIndex)];
    private long _durableBytes;

    public WriteSession Store => store;

    public string JobId => jobId;

    public string DiskId => diskId;

    /// <summary>Frame bytes all streams of the session made durable.</summary>
    public long DurableBytes => Interlocked.Read(ref _durableBytes);

    public override CancellationToken Ended => store.Ended;

    public void AddDurable(long bytes) => Interlocked.Add(ref _durableBytes, bytes);

    /// <summary>Counts pages that were journaled, those of earlier attempts included.</summary>
    public long AddRecordedPages(IEnumerable<PageDigest> pages)
    {
        lock (_pages)
        {
            _pages.UnionWith(pages.Select(page => page.PageIndex));
            return _pages.Count;
        }
    }

    public override ValueTask DisposeAsync() => store.DisposeAsync();
}
