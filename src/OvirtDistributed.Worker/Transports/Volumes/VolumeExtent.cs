// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>What a layer says about a range of the disk.</summary>
internal enum VolumeExtentKind : byte
{
    /// <summary>Nothing: the layer below shows; zeroes where there is none.</summary>
    Hole = 0,

    /// <summary>Reads as zeroes, whatever lies below.</summary>
    Zero,

    /// <summary>The bytes at <see cref="VolumeExtent.Place"/> of the file.</summary>
    Data,

    /// <summary>One cluster, compressed at <see cref="VolumeExtent.Place"/> of the file.</summary>
    Compressed,

    /// <summary>The bytes at <see cref="VolumeExtent.Place"/> of the staging file.</summary>
    Staged,
}

/// <summary>A range of the disk and where its content is.</summary>
/// <param name="Offset">First byte, on the disk.</param>
/// <param name="Length">Bytes, on the disk.</param>
/// <param name="Kind">What is there.</param>
/// <param name="Layer">Which layer says so, counted from the top.</param>
/// <param name="Place">Where in that layer's file.</param>
/// <param name="Stored">Compressed: bytes in the file, at most.</param>
/// <param name="Skip">Compressed: bytes of the cluster that lie before this range.</param>
internal readonly record struct VolumeExtent(long Offset, long Length, VolumeExtentKind Kind, int Layer = 0, long Place = 0, int Stored = 0, int Skip = 0)
{
    public long End => Offset + Length;

    public bool HasContent => Kind is VolumeExtentKind.Data or VolumeExtentKind.Compressed or VolumeExtentKind.Staged;

    /// <summary>The part of it between two places of the disk, which both lie within it.</summary>
    public VolumeExtent Cut(long start, long end)
    {
        var ahead = start - Offset;
        return Kind switch
        {
            VolumeExtentKind.Data or VolumeExtentKind.Staged => this with { Offset = start, Length = end - start, Place = Place + ahead },
            VolumeExtentKind.Compressed => this with { Offset = start, Length = end - start, Skip = Skip + (int)ahead },
            _ => this with { Offset = start, Length = end - start },
        };
    }

    /// <summary>Whether the other one goes on where this one ends, in the file too.</summary>
    public bool Continues(in VolumeExtent next) => next.Kind == Kind && next.Layer == Layer && next.Offset == End && Kind switch
    {
        VolumeExtentKind.Data or VolumeExtentKind.Staged => next.Place == Place + Length,
        VolumeExtentKind.Compressed => false,
        _ => true,
    };
}
