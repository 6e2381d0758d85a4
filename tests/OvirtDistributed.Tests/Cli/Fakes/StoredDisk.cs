// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>A disk in the repository's form: its root and the frames that make it up, in memory.</summary>
internal sealed class StoredDisk : IMapSink
{
    public const int ChunkBytes = 64 << 10;

    private StoredDisk(byte[] content) => Content = content;

    public byte[] Content { get; }

    public DiskRoot Root { get; private set; }

    public Dictionary<ChunkDigest, byte[]> Frames { get; } = [];

    /// <summary>Digests of the chunks in the order of the disk.</summary>
    public List<ChunkDigest> Chunks { get; } = [];

    /// <summary>Makes a disk of <paramref name="sizeBytes"/> with pseudo-random data in the given ranges and zeros elsewhere.</summary>
    public static async Task<StoredDisk> CreateAsync(int sizeBytes, int seed, params (int Offset, int Length)[] ranges)
    {
        var disk = new StoredDisk(new byte[sizeBytes]);
        var random = new Random(seed);
        using var encoder = new FrameEncoder(CompressionProfile.Default, ContentKeys.Plain);
        using var mapEncoder = new FrameEncoder(CompressionProfile.Default, ContentKeys.Plain);
        var builder = await DiskMapBuilder.CreateAsync(
            new DiskMapPlan { DiskSize = sizeBytes }, null, ContentKeys.Plain, mapEncoder, disk, CancellationToken.None);
        foreach (var (offset, length) in ranges)
        {
            random.NextBytes(disk.Content.AsSpan(offset, length));
            builder.Declare(new DiskRange(offset, length));
            for (var at = offset; at < offset + length; at += ChunkBytes)
            {
                var plain = disk.Content.AsSpan(at, Math.Min(ChunkBytes, offset + length - at));
                builder.AddData(new DiskRange(at, plain.Length), disk.AddChunk(encoder, plain), 0);
            }
        }

        disk.Root = await builder.FinishAsync(CancellationToken.None);
        return disk;
    }

    public ValueTask WriteFrameAsync(FrameKind kind, ChunkDigest digest, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        Frames[digest] = frame.ToArray();
        return ValueTask.CompletedTask;
    }

    public ValueTask PageCompletedAsync(PageDigest page, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    private ChunkDigest AddChunk(FrameEncoder encoder, ReadOnlySpan<byte> plain)
    {
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        var length = encoder.Encode(FrameKind.Chunk, digest, plain, frame);
        Frames[digest] = frame[..length];
        Chunks.Add(digest);
        return digest;
    }
}
