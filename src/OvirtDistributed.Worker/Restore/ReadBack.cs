// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Restore;

/// <summary>The checksum of a written disk where the other side computes none: all of it is read.</summary>
internal static class ReadBack
{
    /// <summary>As <see cref="IDiskTarget.ChecksumAsync"/>. Holds two blocks: one is read, in several requests, while the other is digested.</summary>
    public static async Task<string?> ChecksumAsync(IReadableTarget disk, string algorithm, int blockBytes, CancellationToken cancellationToken)
    {
        if (blockBytes != BlockDigest.BlockBytes || !BlockDigest.Algorithms.Contains(algorithm))
        {
            return null;
        }

        var size = await disk.GetSizeAsync(cancellationToken);
        using var digest = new BlockDigest(algorithm);
        var (block, next) = (new byte[blockBytes], new byte[blockBytes]);
        var reading = ReadBlockAsync(disk, 0, size, next, cancellationToken);
        for (var offset = 0L; offset < size; offset += blockBytes)
        {
            var length = await reading;
            (block, next) = (next, block);
            reading = ReadBlockAsync(disk, offset + blockBytes, size, next, cancellationToken);
            var part = block.AsSpan(0, length);
            if (part.ContainsAnyExcept((byte)0))
            {
                digest.Add(part);
            }
            else
            {
                digest.AddZeroes(length);
            }
        }

        _ = await reading;
        return digest.Finish();
    }

    /// <returns>Bytes of the block that are on the disk.</returns>
    private static async Task<int> ReadBlockAsync(IReadableTarget disk, long offset, long size, Memory<byte> block, CancellationToken cancellationToken)
    {
        var length = (int)Math.Clamp(size - offset, 0, block.Length);
        var part = (length + disk.Connections - 1) / disk.Connections;
        var reads = new List<Task>();
        for (var done = 0; done < length; done += part)
        {
            reads.Add(disk.ReadAsync(offset + done, block.Slice(done, Math.Min(part, length - done)), cancellationToken));
        }

        await Task.WhenAll(reads);
        return length;
    }
}
