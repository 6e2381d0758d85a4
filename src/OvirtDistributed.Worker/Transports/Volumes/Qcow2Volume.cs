// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>
/// A layer in qcow2 format: its extents from its tables, without qemu and without reading data. One pass reads each table once; memory is a few
/// windows and one table, whatever the disk's size. Refcounts are not looked at.
/// </summary>
internal sealed class Qcow2Volume
{
    private const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    private const ulong CompressedBit = 1UL << 62;
    private const ulong CopiedBit = 1UL << 63;
    private const int L1PieceEntries = 8192;

    private readonly IVolumeFile _file;
    private readonly VolumeWindows _windows;
    private readonly VolumeName _name;

    private Qcow2Volume(IVolumeFile file, VolumeWindows windows, Qcow2Header header, Guid? parent, VolumeName name)
    {
        _file = file;
        _windows = windows;
        _name = name;
        Header = header;
        Parent = parent;
    }

    public Qcow2Header Header { get; }

    /// <summary>The layer below, as the file names it; null for the last.</summary>
    public Guid? Parent { get; }

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="Execution.TaskFailureException">It cannot be read.</exception>
    public static async Task<Qcow2Volume> OpenAsync(IVolumeFile file, VolumeName name, CancellationToken cancellationToken)
    {
        var windows = new VolumeWindows(file);
        var first = new byte[Math.Min(Qcow2Header.FirstBytes, file.SizeBytes)];
        await windows.ReadAsync(0, first, cancellationToken);
        var header = Qcow2Header.Parse(first, file.SizeBytes, name);
        Guid? parent = null;
        if (header.BackingNameOffset != 0)
        {
            var text = new byte[header.BackingNameBytes];
            await windows.ReadAsync(header.BackingNameOffset, text, cancellationToken);
            parent = header.ParentOf(text, name);
        }

        return new Qcow2Volume(file, windows, header, parent, name);
    }

    /// <summary>All extents, ascending and without gaps from 0 to the disk's size, neighbours joined.</summary>
    public async IAsyncEnumerable<VolumeExtent> ListExtentsAsync(int layer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var run = default(VolumeExtent);
        await foreach (var extent in ListClustersAsync(layer, cancellationToken))
        {
            if (run.Length > 0 && run.Continues(extent))
            {
                run = run with { Length = run.Length + extent.Length };
                continue;
            }

            if (run.Length > 0)
            {
                yield return run;
            }

            run = extent;
        }

        if (run.Length > 0)
        {
            yield return run;
        }
    }

    /// <summary>The content of a compressed cluster.</summary>
    /// <exception cref="Execution.TaskFailureException">It does not give a whole cluster.</exception>
    public async Task DecompressAsync(VolumeExtent extent, Memory<byte> cluster, CancellationToken cancellationToken)
    {
        // The last sector that is counted may lie beyond the end of the file.
        var stored = new byte[Math.Min(extent.Stored, _file.SizeBytes - extent.Place)];
        await _windows.ReadAsync(extent.Place, stored, cancellationToken);
        try
        {
            using var deflate = new DeflateStream(new MemoryStream(stored), CompressionMode.Decompress);
            deflate.ReadExactly(cluster.Span);
        }
        catch (Exception failure) when (failure is InvalidDataException or EndOfStreamException)
        {
            throw _name.Damaged(extent.Place, $"the compressed cluster at {extent.Offset - extent.Skip} of the disk cannot be decompressed");
        }
    }

    private async IAsyncEnumerable<VolumeExtent> ListClustersAsync(int layer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var tables = Header.DiskSizeBytes == 0 ? 0 : (int)(((Header.DiskSizeBytes - 1) / Header.L2Covers) + 1);
        var l1 = new byte[Math.Min(tables, L1PieceEntries) * 8];
        var l2 = new byte[Header.ClusterBytes];
        for (var table = 0; table < tables; table++)
        {
            var within = table % L1PieceEntries;
            if (within == 0)
            {
                var count = Math.Min(tables - table, L1PieceEntries) * 8;
                await _windows.ReadAsync(Header.L1Offset + (table * 8L), l1.AsMemory(0, count), cancellationToken);
            }

            var start = table * Header.L2Covers;
            var end = Math.Min(start + Header.L2Covers, Header.DiskSizeBytes);
            var offset = TableOffset(BinaryPrimitives.ReadUInt64BigEndian(l1.AsSpan(within * 8)), Header.L1Offset + (table * 8L));
            if (offset == 0)
            {
                yield return new VolumeExtent(start, end - start, VolumeExtentKind.Hole, layer);
                continue;
            }

            await _windows.ReadAsync(offset, l2, cancellationToken);
            for (var position = start; position < end; position += Header.ClusterBytes)
            {
                var entry = (int)((position - start) >> Header.ClusterBits);
                var place = offset + (entry * 8L);
                var length = Math.Min(Header.ClusterBytes, end - position);
                yield return ToExtent(BinaryPrimitives.ReadUInt64BigEndian(l2.AsSpan(entry * 8)), place, position, length) with { Layer = layer };
            }
        }
    }

    private long TableOffset(ulong entry, long place)
    {
        if ((entry & ~(OffsetMask | CopiedBit)) != 0)
        {
            throw _name.Damaged(place, $"the L1 entry {entry:x} has reserved bits set");
        }

        var offset = (long)(entry & OffsetMask);
        return offset == 0 || (offset % Header.ClusterBytes == 0 && offset <= _file.SizeBytes - Header.ClusterBytes && !IsMetadata(offset))
            ? offset
            : throw _name.Damaged(place, $"the L1 entry {entry:x} names no place for a table in a file of {_file.SizeBytes} bytes");
    }

    private VolumeExtent ToExtent(ulong entry, long place, long position, long length)
    {
        if ((entry & CompressedBit) != 0)
        {
            return ToCompressed(entry, place, position, length);
        }

        var isZero = (entry & 1) != 0;
        if ((entry & ~(OffsetMask | CopiedBit | 1)) != 0 || (isZero && Header.Version == 2))
        {
            throw _name.Damaged(place, $"the L2 entry {entry:x} has reserved bits set");
        }

        var offset = (long)(entry & OffsetMask);
        if (offset != 0 && (offset % Header.ClusterBytes != 0 || offset >= _file.SizeBytes || IsMetadata(offset)))
        {
            throw _name.Damaged(place, $"the L2 entry {entry:x} names no place for a cluster in a file of {_file.SizeBytes} bytes");
        }

        return isZero ? new VolumeExtent(position, length, VolumeExtentKind.Zero)
            : offset == 0 ? new VolumeExtent(position, length, VolumeExtentKind.Hole)
            : new VolumeExtent(position, length, VolumeExtentKind.Data, Place: offset);
    }

    private VolumeExtent ToCompressed(ulong entry, long place, long position, long length)
    {
        var offsetBits = 62 - (Header.ClusterBits - 8);
        var offset = (long)(entry & ((1UL << offsetBits) - 1));
        var sectors = (int)((entry & ~(CompressedBit | CopiedBit)) >> offsetBits) + 1;
        if ((entry & CopiedBit) != 0 || offset < Header.ClusterBytes || offset >= _file.SizeBytes || IsMetadata(offset))
        {
            throw _name.Damaged(place, $"the L2 entry {entry:x} names no place for a compressed cluster in a file of {_file.SizeBytes} bytes");
        }

        return new VolumeExtent(position, length, VolumeExtentKind.Compressed, Place: offset, Stored: (sectors * 512) - (int)(offset % 512));
    }

    // The header's cluster and the L1 table hold neither tables nor data.
    private bool IsMetadata(long offset) =>
        offset < Header.ClusterBytes || (offset >= Header.L1Offset && offset < Header.L1Offset + (Header.L1Entries * 8L));
}
