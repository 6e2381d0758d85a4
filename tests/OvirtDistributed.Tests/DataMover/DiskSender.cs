// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Net.Client;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Tests.Shared;
using Xunit;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;
using RepositoryProfile = OvirtDistributed.Repository.Frames.CompressionProfile;

namespace OvirtDistributed.Tests.DataMover;

/// <summary>The least a worker does: cuts a disk (here at a fixed size), asks, sends what is missing over two connections, records pages, completes.</summary>
internal sealed class DiskSender(Func<GrpcChannel> connect, OpenSessionResponse session, byte[] disk) : IMapSink, IDisposable
{
    public const int ChunkBytes = 64 * 1024;

    private readonly FrameEncoder _encoder = new(RepositoryProfile.Default, ContentKeys.Plain);
    private readonly BackupSessionService.BackupSessionServiceClient _client = new(connect());
    private readonly List<DurablePage> _finished = [];
    private FrameUploadStream[] _streams = [];
    private int _turn;

    /// <summary>Frame bytes that had to be sent.</summary>
    public long SentBytes { get; private set; }

    public async Task<DiskRoot> SendAsync(int pages, CancellationToken cancellationToken)
    {
        var completed = await ListDurablePagesAsync(cancellationToken);
        var plan = new DiskMapPlan { DiskSize = disk.Length, CompletedPages = completed };
        var builder = await DiskMapBuilder.CreateAsync(plan, null, ContentKeys.Plain, _encoder, this, cancellationToken);
        _streams = [.. Enumerable.Range(0, 2).Select(_ => FrameUploadStream.Open(connect().CreateCallInvoker(), session.SessionId, cancellationToken))];
        try
        {
            var sentPages = 0;
            for (long page = 0; page < MapGeometry.PageCount(disk.Length) && sentPages < pages; page++)
            {
                if (!builder.IsPageCompleted(page))
                {
                    await SendPageAsync(builder, page, cancellationToken);
                    sentPages++;
                }
            }

            if (sentPages == pages)
            {
                return default; // cut off here: the session ends without a word
            }

            var root = await builder.FinishAsync(cancellationToken);
            foreach (var stream in _streams)
            {
                var end = await stream.CompleteAsync(cancellationToken).WithinDeadline();
                Assert.Equal(stream.WrittenBytes, end.Bytes);
            }

            return root;
        }
        finally
        {
            foreach (var stream in _streams)
            {
                await stream.DisposeAsync();
            }
        }
    }

    public async ValueTask WriteFrameAsync(FrameKind kind, ChunkDigest digest, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        SentBytes += frame.Length;
        await _streams[_turn++ % _streams.Length].WriteAsync(frame, cancellationToken);
    }

    public ValueTask PageCompletedAsync(PageDigest page, CancellationToken cancellationToken)
    {
        _finished.Add(new DurablePage { PageIndex = page.PageIndex, Digest = ByteString.CopyFrom(page.Digest.ToArray()) });
        return ValueTask.CompletedTask;
    }

    public void Dispose() => _encoder.Dispose();

    private async Task<List<PageDigest>> ListDurablePagesAsync(CancellationToken cancellationToken)
    {
        var pages = new List<PageDigest>();
        using var call = _client.ListDurablePages(new ListDurablePagesRequest { SessionId = session.SessionId }, cancellationToken: cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken))
        {
            pages.AddRange(call.ResponseStream.Current.Pages.Select(page => new PageDigest(page.PageIndex, new ChunkDigest(page.Digest.Span))));
        }

        Assert.Equal(session.DurablePages, pages.Count);
        return pages;
    }

    private async Task SendPageAsync(DiskMapBuilder builder, long page, CancellationToken cancellationToken)
    {
        var start = page * MapGeometry.PageBytes;
        var length = MapGeometry.PageLength(page, disk.Length);
        builder.Declare(new DiskRange(start, length));
        builder.DeclaredThrough(start + length);
        var chunks = new List<(DiskRange Range, ChunkDigest Digest)>();
        for (var at = start; at < start + length; at += ChunkBytes)
        {
            var range = new DiskRange(at, Math.Min(ChunkBytes, start + length - at));
            var content = disk.AsSpan((int)at, (int)range.Length);
            if (content.ContainsAnyExcept((byte)0))
            {
                chunks.Add((range, ContentKeys.Plain.Compute(FrameKind.Chunk, content)));
            }
            else
            {
                builder.AddZero(range);
            }
        }

        await SendMissingAsync(chunks, cancellationToken);
        foreach (var (range, digest) in chunks)
        {
            builder.AddData(range, digest, 0);
        }

        await builder.FlushAsync(cancellationToken);
        await RecordAsync(cancellationToken);
    }

    private async Task SendMissingAsync(List<(DiskRange Range, ChunkDigest Digest)> chunks, CancellationToken cancellationToken)
    {
        if (chunks.Count == 0)
        {
            return;
        }

        var asked = ByteString.CopyFrom([.. chunks.SelectMany(chunk => chunk.Digest.ToArray())]);
        var held = await _client.HaveAsync(new HaveRequest { SessionId = session.SessionId, Digests = asked }, cancellationToken: cancellationToken);
        var frame = new byte[FrameEncoder.MaxEncodedLength(ChunkBytes)];
        for (var i = 0; i < chunks.Count; i++)
        {
            if ((held.Held[i / 8] & (1 << (i % 8))) == 0)
            {
                var (range, digest) = chunks[i];
                var length = _encoder.Encode(FrameKind.Chunk, digest, disk.AsSpan((int)range.Offset, (int)range.Length), frame);
                await WriteFrameAsync(FrameKind.Chunk, digest, frame.AsMemory(0, length), cancellationToken);
            }
        }
    }

    private async Task RecordAsync(CancellationToken cancellationToken)
    {
        foreach (var stream in _streams)
        {
            await stream.FlushAsync(cancellationToken);
            await stream.WaitDurableAsync(stream.WrittenBytes, cancellationToken).WithinDeadline();
        }

        var request = new RecordPagesRequest { SessionId = session.SessionId };
        request.Pages.AddRange(_finished);
        _finished.Clear();
        await _client.RecordPagesAsync(request, cancellationToken: cancellationToken);
    }
}
