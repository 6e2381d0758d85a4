// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Tests.Repository.Support;

/// <summary>Frames in a dictionary: what a store does, without one.</summary>
internal sealed class MemoryFrames : IFrameSource, IMapSink
{
    public Dictionary<ChunkDigest, byte[]> Frames { get; } = [];

    public List<PageDigest> Pages { get; } = [];

    public int Writes { get; private set; }

    public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        var batch = new FrameBatch(digests.Length);
        for (var i = 0; i < digests.Length; i++)
        {
            if (!Frames.TryGetValue(digests.Span[i], out var frame))
            {
                throw new RepositoryException(RepositoryError.MissingFrames, $"{digests.Span[i]} is missing");
            }

            var memory = batch.Allocate(frame.Length);
            frame.CopyTo(memory);
            batch[i] = memory;
        }

        return Task.FromResult(batch);
    }

    public ValueTask WriteFrameAsync(FrameKind kind, ChunkDigest digest, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        Assert(FrameDecoder.CheckIntegrity(frame.Span).Kind == kind);
        Frames[digest] = frame.ToArray();
        Writes++;
        return ValueTask.CompletedTask;
    }

    public ValueTask PageCompletedAsync(PageDigest page, CancellationToken cancellationToken)
    {
        Pages.Add(page);
        return ValueTask.CompletedTask;
    }

    public ChunkDigest PutChunk(ReadOnlySpan<byte> plain)
    {
        using var encoder = new FrameEncoder(CompressionProfile.Fast, ContentKeys.Plain);
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        Frames[digest] = frame[..encoder.Encode(FrameKind.Chunk, digest, plain, frame)];
        return digest;
    }

    private static void Assert(bool holds) => Xunit.Assert.True(holds);
}
