// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Fetches and proves map pages and nodes. One call at a time.</summary>
internal sealed class MapFetcher : IDisposable
{
    /// <summary>Pages or nodes of one fetch: bounds the memory, and the round trips of a walk.</summary>
    public const int BatchSize = 32;

    private readonly IFrameSource _source;
    private readonly FrameDecoder _decoder;

    public MapFetcher(IFrameSource source, ContentKeys keys)
    {
        _source = source;
        _decoder = new FrameDecoder(keys);
    }

    /// <summary>Called with the position of a digest and its decoded, proven content.</summary>
    public delegate void Take(int position, ReadOnlySpan<byte> plain);

    /// <summary>Fetches any number of pages or nodes, in batches, and hands them over in order. No digest may be the reserved one.</summary>
    public async Task FetchAsync(FrameKind kind, ReadOnlyMemory<ChunkDigest> digests, Take take, CancellationToken cancellationToken)
    {
        for (var start = 0; start < digests.Length; start += BatchSize)
        {
            var part = digests.Slice(start, Math.Min(BatchSize, digests.Length - start));
            using var batch = await _source.FetchAsync(part, cancellationToken);
            for (var i = 0; i < part.Length; i++)
            {
                Decode(kind, part.Span[i], batch[i].Span, start + i, take);
            }
        }
    }

    /// <summary>The children of one node; the digest may be the reserved one.</summary>
    public async Task<ChunkDigest[]> FetchNodeAsync(ChunkDigest digest, int level, long nodeIndex, long diskSize, CancellationToken cancellationToken)
    {
        var children = new ChunkDigest[MapGeometry.ChildCount(level, nodeIndex, diskSize)];
        if (!digest.IsZero)
        {
            await FetchAsync(FrameKind.MapNode, new[] { digest }, (_, plain) => MapNode.Parse(plain, level, children), cancellationToken);
        }

        return children;
    }

    public void Dispose() => _decoder.Dispose();

    /// <summary>Proves one frame and hands its content over.</summary>
    public void Decode(FrameKind kind, in ChunkDigest digest, ReadOnlySpan<byte> frame, int position, Take take)
    {
        var length = FrameHeader.Read(frame).PlainLength;
        var plain = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            _decoder.Decode(frame, digest, kind, plain.AsSpan(0, length));
            take(position, plain.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}
