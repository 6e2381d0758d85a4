// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.Tests.Repository.Support;

/// <summary>Does what a worker does with one disk: cut, ask, send, map, complete.</summary>
internal sealed class TestWriter(RepositoryStore store, WriteSession session, ContentKeys? keys = null, CompressionProfile profile = CompressionProfile.Default)
    : IMapSink, IAsyncDisposable
{
    private readonly FrameStream _stream = session.OpenFrameStream();
    private readonly FrameEncoder _encoder = new(profile, keys ?? store.Keys);
    private readonly ContentKeys _keys = keys ?? store.Keys;
    private readonly List<PageDigest> _pages = [];

    public long ChunksSent { get; private set; }

    public long BytesRead { get; private set; }

    /// <summary>Digests whose frames were acknowledged as durable.</summary>
    public List<ChunkDigest> Sent { get; } = [];

    public long AcknowledgedFrames { get; private set; }

    /// <summary>Pages the store acknowledged.</summary>
    public List<PageDigest> Acknowledged { get; } = [];

    public Task<DiskRoot> WriteAsync(TestDisk disk, IEnumerable<DiskRange> extents, CancellationToken cancellationToken) =>
        WriteAsync(disk.Size, extents, range => disk.Content.AsMemory((int)range.Offset, (int)range.Length), cancellationToken);

    /// <summary>The same for a disk that is not in memory as a whole.</summary>
    public async Task<DiskRoot> WriteAsync(
        long size, IEnumerable<DiskRange> extents, Func<DiskRange, ReadOnlyMemory<byte>> read, CancellationToken cancellationToken)
    {
        var plan = new DiskMapPlan
        {
            DiskSize = size,
            Base = session.Base,
            DamagedRanges = session.DamagedRanges,
            CompletedPages = session.CompletedPages,
        };
        var builder = await DiskMapBuilder.CreateAsync(plan, session, _keys, _encoder, this, cancellationToken);
        var chunker = new PageChunker(_keys.Chunker(store.Parameters.Chunker));
        foreach (var extent in extents.SelectMany(builder.Remaining))
        {
            builder.Declare(extent);
            await WriteExtentAsync(read(extent), extent, chunker, builder, cancellationToken);
            await builder.FlushAsync(cancellationToken);
            await CompletePagesAsync(cancellationToken);
        }

        var root = await builder.FinishAsync(cancellationToken);
        await CompletePagesAsync(cancellationToken);
        await _stream.CompleteAsync(cancellationToken);
        AcknowledgedFrames = Sent.Count;
        await session.CompleteDiskAsync(root, cancellationToken);
        return root;
    }

    public async ValueTask WriteFrameAsync(FrameKind kind, ChunkDigest digest, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        Sent.Add(digest);
        await SendAsync(frame, cancellationToken);
    }

    public ValueTask PageCompletedAsync(PageDigest page, CancellationToken cancellationToken)
    {
        _pages.Add(page);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        while (_stream.Acknowledgements.TryRead(out var ack))
        {
            AcknowledgedFrames = Math.Max(AcknowledgedFrames, ack.Frames);
        }

        await _stream.DisposeAsync();
        _encoder.Dispose();
    }

    public static VmManifest Manifest(string job, params ManifestDisk[] disks) => new()
    {
        PointId = $"point-{job}",
        ManagerId = "manager-1",
        VmId = "vm-1",
        VmName = "Web server \u00fc",
        Created = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero).AddSeconds(BinaryPrimitives.ReverseEndianness((ushort)job.Length) + job[^1]),
        JobId = job,
        Disks = disks,
    };

    public static ManifestDisk Disk(DiskRoot root, string? task = null, string? basePoint = null) => new()
    {
        DiskId = "disk-1",
        Alias = "root",
        Root = root,
        TaskId = task,
        BasePointId = basePoint,
    };

    private async Task WriteExtentAsync(
        ReadOnlyMemory<byte> window, DiskRange extent, PageChunker chunker, DiskMapBuilder builder, CancellationToken cancellationToken)
    {
        BytesRead += extent.Length;
        var offset = extent.Offset;
        while (chunker.TryNext(window.Span, last: true, out var segment))
        {
            var range = new DiskRange(offset, segment.Length);
            if (segment.IsZero)
            {
                builder.AddZero(range);
            }
            else
            {
                await WriteChunkAsync(window[..segment.Length], range, builder, cancellationToken);
            }

            window = window[segment.Length..];
            offset += segment.Length;
        }
    }

    private async Task WriteChunkAsync(ReadOnlyMemory<byte> plain, DiskRange range, DiskMapBuilder builder, CancellationToken cancellationToken)
    {
        var digest = _keys.Compute(FrameKind.Chunk, plain.Span);
        var bitmap = new byte[1];
        if (session.Have([digest], bitmap) == 0)
        {
            var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
            var length = _encoder.Encode(FrameKind.Chunk, digest, plain.Span, frame);
            Sent.Add(digest);
            ChunksSent++;
            await SendAsync(frame.AsMemory(0, length), cancellationToken);
        }

        builder.AddData(range, digest, 0);
    }

    // Messages cut frames anywhere, also their headers.
    private async Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        const int Message = 50_021;
        for (var start = 0; start < frame.Length; start += Message)
        {
            await _stream.AppendAsync(frame.Slice(start, Math.Min(Message, frame.Length - start)), cancellationToken);
        }
    }

    private async Task CompletePagesAsync(CancellationToken cancellationToken)
    {
        if (_pages.Count > 0)
        {
            await session.CompletePagesAsync(_pages.ToArray(), cancellationToken);
            Acknowledged.AddRange(_pages);
            _pages.Clear();
        }
    }
}
