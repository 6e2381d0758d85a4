// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>
/// Where every byte of a disk is: extents ascending and without gaps, written once, then found by place. The first some thousand stay in memory, a
/// longer list goes to a temporary file, so that memory does not grow with the disk.
/// </summary>
internal sealed class VolumeMap(string directory, int inMemory) : IDisposable
{
    private const int RecordBytes = 40;

    private readonly List<VolumeExtent> _memory = [];
    private readonly Dictionary<int, long> _content = [];
    private FileStream? _file;
    private VolumeExtent _run;

    /// <summary>Extents, once <see cref="Complete"/> was called.</summary>
    public long Count { get; private set; }

    /// <summary>Some range is a hole: a layer below may show there.</summary>
    public bool HasHoles { get; private set; }

    /// <summary>Layer → bytes of the disk that come from its file.</summary>
    public IReadOnlyDictionary<int, long> ContentBytes => _content;

    /// <summary>A map of a disk of which nothing is known yet.</summary>
    public static VolumeMap Empty(long size, string directory, int inMemory)
    {
        var map = new VolumeMap(directory, inMemory);
        map.Add(new VolumeExtent(0, size, VolumeExtentKind.Hole));
        map.Complete();
        return map;
    }

    /// <summary>Takes the next extent, which begins where the last one ended.</summary>
    public void Add(in VolumeExtent extent)
    {
        var next = extent.HasContent ? extent : new VolumeExtent(extent.Offset, extent.Length, extent.Kind);
        if (next.Offset != _run.End || next.Length <= 0)
        {
            throw new InvalidOperationException($"Extent {next.Offset}+{next.Length} does not follow {_run.End}.");
        }

        HasHoles |= next.Kind == VolumeExtentKind.Hole;
        if (next.Kind is VolumeExtentKind.Data or VolumeExtentKind.Compressed)
        {
            _content[next.Layer] = _content.GetValueOrDefault(next.Layer) + next.Length;
        }

        if (_run.Length > 0 && _run.Continues(next))
        {
            _run = _run with { Length = _run.Length + next.Length };
            return;
        }

        Store();
        _run = next;
    }

    /// <summary>Nothing more is added.</summary>
    public void Complete()
    {
        Store();
        _file?.Flush();
    }

    /// <summary>The extents in order.</summary>
    public IEnumerable<VolumeExtent> Read()
    {
        for (var index = 0L; index < Count; index++)
        {
            yield return this[index];
        }
    }

    public VolumeExtent this[long index]
    {
        get
        {
            if (index < _memory.Count)
            {
                return _memory[(int)index];
            }

            Span<byte> record = stackalloc byte[RecordBytes];
            var read = RandomAccess.Read(_file!.SafeFileHandle, record, (index - _memory.Count) * RecordBytes);
            return read == RecordBytes ? FromRecord(record) : throw new IOException($"The list of extents in {_file.Name} is cut off.");
        }
    }

    /// <summary>The extent that holds a place of the disk.</summary>
    public long Find(long offset)
    {
        var (low, high) = (0L, Count - 1);
        while (low < high)
        {
            var middle = low + ((high - low + 1) / 2);
            if (this[middle].Offset <= offset)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    /// <summary>Fills the holes of this map from a layer below. What lies beyond that layer's end reads as zeroes, whatever is below it.</summary>
    /// <param name="below">Extents of the layer below, from 0 on without gaps.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A new map; the caller disposes both.</returns>
    public async Task<VolumeMap> OverAsync(IAsyncEnumerable<VolumeExtent> below, CancellationToken cancellationToken)
    {
        var merged = new VolumeMap(directory, inMemory);
        try
        {
            await using var lower = below.GetAsyncEnumerator(cancellationToken);
            var more = await lower.MoveNextAsync();
            foreach (var extent in Read())
            {
                if (extent.Kind != VolumeExtentKind.Hole)
                {
                    merged.Add(extent);
                    continue;
                }

                for (var position = extent.Offset; position < extent.End;)
                {
                    while (more && lower.Current.End <= position)
                    {
                        more = await lower.MoveNextAsync();
                    }

                    var end = more ? Math.Min(extent.End, lower.Current.End) : extent.End;
                    merged.Add(more ? lower.Current.Cut(position, end) : new VolumeExtent(position, end - position, VolumeExtentKind.Zero));
                    position = end;
                }
            }

            merged.Complete();
            return merged;
        }
        catch
        {
            merged.Dispose();
            throw;
        }
    }

    public void Dispose() => _file?.Dispose();

    private void Store()
    {
        if (_run.Length == 0)
        {
            return;
        }

        Count++;
        if (_memory.Count < inMemory)
        {
            _memory.Add(_run);
        }
        else
        {
            _file ??= TemporaryFile.Create(directory, "ovd-map-");
            Span<byte> record = stackalloc byte[RecordBytes];
            ToRecord(_run, record);
            _file.Write(record);
        }

        _run = new VolumeExtent(_run.End, 0, VolumeExtentKind.Hole);
    }

    private static void ToRecord(in VolumeExtent extent, Span<byte> record)
    {
        BinaryPrimitives.WriteInt64LittleEndian(record, extent.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], extent.Length);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], extent.Place);
        BinaryPrimitives.WriteInt32LittleEndian(record[24..], extent.Stored);
        BinaryPrimitives.WriteInt32LittleEndian(record[28..], extent.Skip);
        BinaryPrimitives.WriteInt32LittleEndian(record[32..], extent.Layer);
        BinaryPrimitives.WriteInt32LittleEndian(record[36..], (int)extent.Kind);
    }

    private static VolumeExtent FromRecord(ReadOnlySpan<byte> record) => new(
        BinaryPrimitives.ReadInt64LittleEndian(record),
        BinaryPrimitives.ReadInt64LittleEndian(record[8..]),
        (VolumeExtentKind)BinaryPrimitives.ReadInt32LittleEndian(record[36..]),
        BinaryPrimitives.ReadInt32LittleEndian(record[32..]),
        BinaryPrimitives.ReadInt64LittleEndian(record[16..]),
        BinaryPrimitives.ReadInt32LittleEndian(record[24..]),
        BinaryPrimitives.ReadInt32LittleEndian(record[28..]));
}
