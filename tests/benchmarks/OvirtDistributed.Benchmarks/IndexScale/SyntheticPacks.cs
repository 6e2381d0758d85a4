// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Benchmarks.IndexScale;

/// <summary>Frames as a repository of real disks has them, computed from their number: nothing has to be kept to ask for them again.</summary>
internal sealed class SyntheticPacks(long digests, Guid repositoryId)
{
    // 128 MiB packs of chunks of 128 KiB that compress to about 70 KB: what docs and design count with.
    private const int FramesPerPack = 1900;
    private const int PlainLength = 128 << 10;
    private const int ShortestStored = 45_000;
    private const int StoredRange = 50_000;

    // Digests from here on are in no pack.
    private const long FirstStranger = 1L << 48;

    public long Digests => digests;

    public int Count => (int)((digests + FramesPerPack - 1) / FramesPerPack);

    public static ChunkDigest DigestOf(long number)
    {
        Span<ulong> words = stackalloc ulong[4];
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = Mix(((ulong)number << 2) + (ulong)i);
        }

        return new ChunkDigest(MemoryMarshal.AsBytes(words));
    }

    /// <summary>A digest that is in the index, or one that is not.</summary>
    public ChunkDigest Pick(Random random, bool present) => DigestOf(random.NextInt64(digests) + (present ? 0 : FirstStranger));

    /// <summary>The pack a digest of <see cref="DigestOf"/> is in.</summary>
    public static uint PackOf(long number) => (uint)(number / FramesPerPack) + 1;

    /// <summary>The frames of a pack, one behind the other from its header on. Packs are numbered from 1.</summary>
    public void FramesOf(uint pack, List<PackFrame> frames)
    {
        frames.Clear();
        var offset = (uint)PackFormat.HeaderLength;
        var first = (pack - 1L) * FramesPerPack;
        for (var number = first; number < Math.Min(first + FramesPerPack, digests); number++)
        {
            var stored = ShortestStored + (int)(Mix((ulong)~number) % StoredRange);
            frames.Add(new PackFrame(DigestOf(number), offset, stored, PlainLength, FrameKind.Chunk));
            offset += (uint)(FrameHeader.Size + stored);
        }
    }

    public static IndexEntry EntryOf(uint pack, in PackFrame frame) =>
        new(frame.Digest, pack, frame.Offset, frame.StoredLength, frame.PlainLength, frame.Kind);

    /// <summary>Bytes of a sealed pack with these frames.</summary>
    public static long LengthOf(List<PackFrame> frames) =>
        frames[^1].End + (frames.Count * PackFormat.FooterEntryLength) + PackFormat.TrailerLength;

    /// <summary>Writes a sealed pack whose frames are a hole: header, footer and trailer are all that an opening reads.</summary>
    public void WriteSparse(string directory, uint pack, List<PackFrame> frames)
    {
        var path = Path.Combine(directory, PackFormat.NameOf(pack));
        _ = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        RandomAccess.Write(file, PackFormat.WriteHeader(pack, repositoryId, DateTimeOffset.UnixEpoch), 0);
        RandomAccess.Write(file, PackFormat.WriteEnd(pack, frames, frames[^1].End), frames[^1].End);
    }

    // The finalizer of SplitMix64: a bijection whose output passes for random.
    private static ulong Mix(ulong value)
    {
        value = (value + 1) * 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
