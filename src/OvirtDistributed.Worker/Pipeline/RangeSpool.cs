// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// A list of ranges that is written once and read any number of times. The first some thousand stay in memory; a longer list goes to a
/// temporary file, so that memory does not grow with the disk and a slow reader does not stall the call that gives the extents.
/// </summary>
internal sealed class RangeSpool(string directory, int inMemory) : IDisposable
{
    private const int RecordBytes = 17;
    private const int FileBufferBytes = 64 << 10;

    private readonly List<WorkRange> _memory = [];
    private FileStream? _file;

    public long Count { get; private set; }

    /// <summary>Bytes to be read in all ranges.</summary>
    public long ReadBytes { get; private set; }

    /// <summary>Of these, bytes that did not change and are read to be written anew.</summary>
    public long RewrittenBytes { get; set; }

    /// <summary>True when the list did not fit into memory.</summary>
    public bool IsSpooled => _file is not null;

    public void Add(in WorkRange range)
    {
        Count++;
        ReadBytes += range.Kind == RangeKind.Read ? range.Length : 0;
        if (_memory.Count < inMemory)
        {
            _memory.Add(range);
            return;
        }

        _file ??= new FileStream(
            Path.Combine(directory, $"ovd-extents-{Guid.NewGuid():N}"),
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Options = FileOptions.DeleteOnClose,
                BufferSize = FileBufferBytes,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        Span<byte> record = stackalloc byte[RecordBytes];
        BinaryPrimitives.WriteInt64LittleEndian(record, range.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], range.Length);
        record[16] = (byte)range.Kind;
        _file.Write(record);
    }

    /// <summary>The ranges in the order added. One enumeration at a time; nothing is added meanwhile.</summary>
    public IEnumerable<WorkRange> Read()
    {
        foreach (var range in _memory)
        {
            yield return range;
        }

        if (_file is null)
        {
            yield break;
        }

        _file.Flush();
        _file.Position = 0;
        var record = new byte[RecordBytes];
        while (_file.ReadAtLeast(record, RecordBytes, throwOnEndOfStream: false) == RecordBytes)
        {
            yield return new WorkRange(
                BinaryPrimitives.ReadInt64LittleEndian(record), BinaryPrimitives.ReadInt64LittleEndian(record.AsSpan(8)), (RangeKind)record[16]);
        }
    }

    public void Dispose() => _file?.Dispose();
}
