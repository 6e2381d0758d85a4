// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Collections.Concurrent;
using System.Threading.Channels;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Memory;

namespace OvirtDistributed.Repository.Reading;

/// <summary>One read of a range: plans segments, fetches and decodes some of them ahead, hands them out in order.</summary>
internal sealed partial class ImageReadRun : IAsyncDisposable
{
    // Bounds what one segment of small fragments can fetch.
    private const int MaxChunksPerSegment = 64;

    private readonly IFrameSource _source;
    private readonly ContentKeys _keys;
    private readonly DiskImageReaderOptions _options;
    private readonly IImageRescue? _rescue;
    private readonly CancellationToken _callerToken;
    private readonly CancellationTokenSource _stop;
    private readonly SemaphoreSlim _slots;
    private readonly Channel<Task<ImageExtent>> _extents;
    private readonly ConcurrentBag<FrameDecoder> _decoders = [];
    private readonly PageBufferPool _buffers = new();
    private Task _producer = Task.CompletedTask;

    public ImageReadRun(IFrameSource source, ContentKeys keys, DiskImageReaderOptions options, IImageRescue? rescue, CancellationToken cancellationToken)
    {
        _rescue = rescue;
        _source = source;
        _keys = keys;
        _options = options;
        _callerToken = cancellationToken;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _slots = new SemaphoreSlim(options.ReadAhead, options.ReadAhead);

        // Bounded by the slots: there is at most one zero extent between two of data.
        _extents = Channel.CreateUnbounded<Task<ImageExtent>>();
    }

    public void Start(Func<CancellationToken, IAsyncEnumerable<ImagePiece>> walk)
    {
        var token = _stop.Token;
        _producer = Task.Run(() => ProduceAsync(walk(token), token), CancellationToken.None);
    }

    public async IAsyncEnumerable<ImageExtent> ExtentsAsync()
    {
        while (await _extents.Reader.WaitToReadAsync(_callerToken))
        {
            while (_extents.Reader.TryRead(out var extent))
            {
                yield return await extent;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _producer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (_extents.Reader.TryRead(out var extent))
        {
            await extent.ContinueWith(
                static done =>
                {
                    if (done.IsCompletedSuccessfully)
                    {
                        done.GetAwaiter().GetResult().Dispose();
                    }
                },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        foreach (var decoder in _decoders)
        {
            decoder.Dispose();
        }

        // Extents that the consumer still holds give theirs back to nobody: they are freed then.
        _buffers.Dispose();

        _stop.Dispose();
    }

    private async Task ProduceAsync(IAsyncEnumerable<ImagePiece> pieces, CancellationToken cancellationToken)
    {
        try
        {
            var segment = new Segment();
            var zero = default(ImageRange);
            await foreach (var piece in pieces.WithCancellation(cancellationToken))
            {
                if (piece.IsZero)
                {
                    segment = await EmitAsync(segment, cancellationToken);
                    zero = zero.Length == 0 ? new ImageRange(piece.Offset, piece.Length, IsZero: true) : zero with { Length = zero.Length + piece.Length };
                    continue;
                }

                zero = EmitZero(zero);
                segment = await AddAsync(segment, piece, cancellationToken);
            }

            EmitZero(zero);
            await EmitAsync(segment, cancellationToken);
            _extents.Writer.Complete();
        }
        catch (Exception exception)
        {
            // Reaches the consumer in its turn, behind the extents that were whole.
            _extents.Writer.Complete(exception);
        }
    }

    private async Task<Segment> AddAsync(Segment segment, ImagePiece piece, CancellationToken cancellationToken)
    {
        while (piece.Length > 0)
        {
            if (segment.Length > 0
                && (segment.Length + piece.Length > _options.SegmentBytes || segment.Chunks.Count >= MaxChunksPerSegment || segment.IsForeign != piece.IsForeign))
            {
                segment = await EmitAsync(segment, cancellationToken);
            }

            var length = (int)Math.Min(piece.Length, _options.SegmentBytes - segment.Length);
            segment.Add(piece with { Length = length });
            piece = piece with { Offset = piece.Offset + length, Length = piece.Length - length, ChunkOffset = piece.ChunkOffset + length };
        }

        return segment;
    }

    private async Task<Segment> EmitAsync(Segment segment, CancellationToken cancellationToken)
    {
        if (segment.Length == 0)
        {
            return segment;
        }

        await _slots.WaitAsync(cancellationToken);
        _extents.Writer.TryWrite(Task.Run(() => LoadAsync(segment, cancellationToken), CancellationToken.None));
        return new Segment();
    }

    private ImageRange EmitZero(ImageRange zero)
    {
        if (zero.Length > 0)
        {
            _extents.Writer.TryWrite(Task.FromResult(new ImageExtent(zero.Offset, zero.Length)));
        }

        return default;
    }

    private async Task<ImageExtent> LoadAsync(Segment segment, CancellationToken cancellationToken)
    {
        var buffer = _buffers.Rent(_options.SegmentBytes);
        try
        {
            var content = buffer.Memory[..segment.Length];
            if (segment.IsForeign)
            {
                await _rescue!.ReadAsync(segment.Offset, content, cancellationToken);
            }
            else
            {
                await FillAsync(segment, content, cancellationToken);
            }

            return new ImageExtent(segment.Offset, segment.Length, buffer, _buffers, _slots);
        }
        catch
        {
            _buffers.Return(buffer);
            _slots.Release();
            throw;
        }
    }

    private async Task FillAsync(Segment segment, Memory<byte> content, CancellationToken cancellationToken)
    {
        try
        {
            using var frames = await _source.FetchAsync(segment.Chunks.ToArray(), cancellationToken);
            Decode(segment, frames, content.Span);
        }
        catch (RepositoryException failure) when (_rescue is not null)
        {
            await RescueAsync(segment, content, _rescue, failure, cancellationToken);
        }
    }

    private void Decode(Segment segment, FrameBatch frames, Span<byte> content)
    {
        if (!_decoders.TryTake(out var decoder))
        {
            decoder = new FrameDecoder(_keys);
        }

        try
        {
            Decode(segment, frames, decoder, content);
        }
        finally
        {
            _decoders.Add(decoder);
        }
    }

    private static void Decode(Segment segment, FrameBatch frames, FrameDecoder decoder, Span<byte> content)
    {
        byte[]? scratch = null;
        var scratchHolds = -1;
        foreach (var part in segment.Parts)
        {
            var frame = frames[part.Chunk].Span;
            var digest = segment.Chunks[part.Chunk];
            var plainLength = FrameHeader.Read(frame).PlainLength;
            var target = content.Slice(part.Target, part.Length);
            if (part.ChunkOffset == 0 && part.Length == plainLength)
            {
                decoder.Decode(frame, digest, FrameKind.Chunk, target);
                continue;
            }

            if (part.ChunkOffset + (long)part.Length > plainLength)
            {
                throw RepositoryException.Damaged($"chunk {digest}: it has {plainLength} bytes, the map uses {part.ChunkOffset}+{part.Length}");
            }

            if (scratchHolds != part.Chunk)
            {
                scratch = Grow(scratch, plainLength);
                decoder.Decode(frame, digest, FrameKind.Chunk, scratch);
                scratchHolds = part.Chunk;
            }

            scratch.AsSpan(part.ChunkOffset, part.Length).CopyTo(target);
        }

        if (scratch is not null)
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private static byte[] Grow(byte[]? scratch, int length)
    {
        if (scratch is not null && scratch.Length >= length)
        {
            return scratch;
        }

        if (scratch is not null)
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }

        return ArrayPool<byte>.Shared.Rent(length);
    }

    /// <summary>Pieces that lie one behind the other, and the chunks they come from, each once.</summary>
    private sealed class Segment
    {
        private readonly Dictionary<ChunkDigest, int> _numbers = [];

        public long Offset { get; private set; }

        public int Length { get; private set; }

        /// <summary>Its map page is lost: it comes from a copy as a whole.</summary>
        public bool IsForeign { get; private set; }

        public List<ChunkDigest> Chunks { get; } = [];

        public List<Part> Parts { get; } = [];

        public void Add(ImagePiece piece)
        {
            if (Length == 0)
            {
                Offset = piece.Offset;
                IsForeign = piece.IsForeign;
            }

            if (IsForeign)
            {
                Length += (int)piece.Length;
                return;
            }

            if (!_numbers.TryGetValue(piece.Digest, out var number))
            {
                number = Chunks.Count;
                _numbers.Add(piece.Digest, number);
                Chunks.Add(piece.Digest);
            }

            Parts.Add(new Part(number, piece.ChunkOffset, Length, (int)piece.Length));
            Length += (int)piece.Length;
        }
    }

    private readonly record struct Part(int Chunk, int ChunkOffset, int Target, int Length);
}
