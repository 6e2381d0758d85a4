// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Repository.Store;

/// <summary>One attempt at one disk. Safe for concurrent use: several frame streams, have and page batches may run at once.</summary>
/// <remarks>
/// Any call fails with <see cref="RepositoryError.Fenced"/> once a higher token was seen, and with <see cref="RepositoryError.SessionEnded"/>
/// after the session was disposed or expired. Ending a session loses nothing that was acknowledged: a later attempt goes on from it.
/// </remarks>
public sealed partial class WriteSession : IFrameSource, IAsyncDisposable
{
    /// <summary>Names the session within this process.</summary>
    public Guid Id => throw new NotSupportedException("not landed yet");

    public string TaskId => throw new NotSupportedException("not landed yet");

    public long FencingToken => throw new NotSupportedException("not landed yet");

    /// <summary>The base disk, when the request named one.</summary>
    public DiskRoot? Base => throw new NotSupportedException("not landed yet");

    /// <summary>Ranges of the base that cannot be read: the worker reads them whatever the manager calls dirty, and sends them without asking.</summary>
    public IReadOnlyList<DiskRange> DamagedRanges => throw new NotSupportedException("not landed yet");

    /// <summary>Pages an earlier attempt with the same engine backup and base completed.</summary>
    public IReadOnlyList<PageDigest> CompletedPages => throw new NotSupportedException("not landed yet");

    /// <summary>Ends when the session does: fenced, expired, disposed or the store closed.</summary>
    public CancellationToken Ended => throw new NotSupportedException("not landed yet");

    /// <summary>Which digests need not be sent (invariant 6). The packs of hits stay until the session ends.</summary>
    /// <param name="digests">Any number.</param>
    /// <param name="bitmap">One bit per digest, the lowest bit of a byte first: set means present. (count + 7) / 8 bytes.</param>
    /// <returns>Digests present.</returns>
    public int Have(ReadOnlySpan<ChunkDigest> digests, Span<byte> bitmap) => throw new NotSupportedException("not landed yet");

    /// <summary>Opens a stream of frames, one for each connection.</summary>
    public FrameStream OpenFrameStream() => throw new NotSupportedException("not landed yet");

    /// <summary>
    /// Journals finished pages for later attempts (invariant 8): flushes what this session appended, checks that each page and all its
    /// chunks are durable, writes the journal. Durable on return, idempotent. Batches of some seconds keep the flushes few.
    /// </summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.MissingFrames"/> lists what is not there; no page of the batch was accepted.</exception>
    public Task CompletePagesAsync(ReadOnlyMemory<PageDigest> pages, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Journals the root of the finished disk. Durable on return, idempotent. The commit proves all below it.</summary>
    /// <exception cref="RepositoryException">The root does not fit the disk's size, or its top node is missing.</exception>
    public Task CompleteDiskAsync(DiskRoot root, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Map pages and nodes, for building on the base. Chunks are refused: a writer may not read data.</summary>
    public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Ends the session and its streams.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException("not landed yet");
}
