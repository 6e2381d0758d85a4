// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>Finds the frames of a pack: by its footer, or by looking at every byte (invariant 4).</summary>
internal static class PackScanner
{
    private const int WindowLength = 2 * FrameHeader.MaxFrameLength;

    // "OVDF", the first bytes of every frame.
    private static ReadOnlySpan<byte> FrameMagic => "OVDF"u8;

    /// <summary>Reads the footer; null when the pack is not sealed or its end is damaged.</summary>
    public static async Task<List<PackFrame>?> TryReadFooterAsync(IStorageReader reader, uint number, CancellationToken cancellationToken)
    {
        var length = reader.Length;
        if (length < PackFormat.HeaderLength + PackFormat.TrailerLength)
        {
            return null;
        }

        var trailerBytes = new byte[PackFormat.TrailerLength];
        var read = await reader.ReadAsync(length - trailerBytes.Length, trailerBytes, cancellationToken);
        if (PackFormat.ReadTrailer(trailerBytes.AsSpan(0, read), number, length) is not { } trailer)
        {
            return null;
        }

        var footer = new byte[trailer.Entries * PackFormat.FooterEntryLength];
        read = await reader.ReadAsync(trailer.FooterOffset, footer, cancellationToken);
        var frames = new List<PackFrame>(trailer.Entries);
        return PackFormat.TryReadFooter(footer.AsSpan(0, read), trailer, frames) ? frames : null;
    }

    /// <summary>Looks for whole frames from behind the header on. What is between them is counted, never trusted.</summary>
    /// <remarks>
    /// Behind damage a frame counts only when its content has its digest: what follows may be the inside of a payload, and a guest
    /// can have anything on its disk, also something that looks like a frame.
    /// </remarks>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NewerFormat"/>: a frame of a later program, which must be neither passed over nor lost.</exception>
    public static async Task<PackScan> ScanAsync(IStorageReader reader, string name, ContentKeys keys, CancellationToken cancellationToken)
    {
        using var decoder = new FrameDecoder(keys);
        var window = ArrayPool<byte>.Shared.Rent(WindowLength);
        try
        {
            var scan = new PackScan { Name = name };
            var length = reader.Length;
            var position = (long)PackFormat.HeaderLength;
            while (position < length)
            {
                var read = await reader.ReadAsync(position, window.AsMemory(0, WindowLength), cancellationToken);
                if (read == 0)
                {
                    break;
                }

                position += ScanWindow(window.AsSpan(0, read), position, last: position + read >= length, scan, decoder);
            }

            return scan;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    /// <summary>Bytes that are settled; the next window starts behind them.</summary>
    private static int ScanWindow(ReadOnlySpan<byte> window, long position, bool last, PackScan scan, FrameDecoder decoder)
    {
        var at = 0;
        while (at < window.Length)
        {
            var rest = window[at..];
            if (!last && rest.Length < FrameHeader.MaxFrameLength)
            {
                return at;
            }

            if (IsWhole(rest, out var header) && (scan.UnreadableBytes == 0 || IsProven(rest, header, decoder)))
            {
                scan.Frames.Add(new PackFrame(header.Digest, (uint)(position + at), header.StoredLength, header.PlainLength, header.Kind));
                at += header.FrameLength;
                continue;
            }

            RefuseUnknown(rest, position + at, scan);
            var next = rest[1..].IndexOf(FrameMagic);
            var skipped = next >= 0 ? next + 1 : last ? rest.Length : Math.Max(rest.Length - FrameMagic.Length + 1, 1);
            scan.UnreadableBytes += skipped;
            at += skipped;
        }

        return at;
    }

    // Behind damage it can be the inside of a payload, where a guest may write what it likes.
    private static void RefuseUnknown(ReadOnlySpan<byte> bytes, long offset, PackScan scan)
    {
        if (scan.UnreadableBytes == 0 && FrameHeader.FindUnknown(bytes) is { } unknown)
        {
            throw new RepositoryException(RepositoryError.NewerFormat, $"{scan.Name} at {offset}: frame header: {unknown}; use a newer program");
        }
    }

    private static bool IsWhole(ReadOnlySpan<byte> bytes, out FrameHeader header) =>
        FrameHeader.TryRead(bytes, out header) && header.FrameLength <= bytes.Length
        && Crc32C.Compute(bytes.Slice(FrameHeader.Size, header.StoredLength)) == header.PayloadCrc;

    private static bool IsProven(ReadOnlySpan<byte> frame, in FrameHeader header, FrameDecoder decoder)
    {
        if (header.Flags.HasFlag(FrameFlags.Encrypted))
        {
            // Where chunks are encrypted no guest can put a frame into a payload; where they are not, such a frame is a guest's.
            return decoder.Keys.IsEncrypted;
        }

        var plain = ArrayPool<byte>.Shared.Rent(header.PlainLength);
        try
        {
            decoder.Decode(frame, header.Digest, header.Kind, plain);
            return true;
        }
        catch (RepositoryException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}

/// <summary>What a scan found.</summary>
internal sealed class PackScan
{
    /// <summary>The pack's, for messages.</summary>
    public required string Name { get; init; }

    public List<PackFrame> Frames { get; } = [];

    /// <summary>Bytes behind the header that belong to no whole frame.</summary>
    public long UnreadableBytes { get; set; }
}
