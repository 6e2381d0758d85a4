// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// Brings ranges to multiples of 4 KiB, on which chunks are cut, and joins neighbours of one kind. A block that several ranges share is read,
/// unless they agree: reading more than asked is always right, because the source is one point in time. Only the disk's end stays unaligned.
/// </summary>
internal sealed class RangeAligner(long diskSize, RangeSpool output)
{
    /// <summary>The block of guest file systems and of the chunker.</summary>
    public const int BlockBytes = 4096;

    private WorkRange _run;
    private long _sharedBlock = -1;
    private RangeKind _sharedKind;

    /// <summary>Takes the next range; ranges come ascending and without gaps.</summary>
    public void Add(WorkRange range)
    {
        var start = range.Offset;
        var end = range.End;
        if (start % BlockBytes != 0)
        {
            start = AddToSharedBlock(start, end, range.Kind);
        }

        var alignedEnd = end == diskSize ? end : end / BlockBytes * BlockBytes;
        if (alignedEnd > start)
        {
            Emit(start, alignedEnd, range.Kind);
            start = alignedEnd;
        }

        if (end > start)
        {
            _sharedBlock = start;
            _sharedKind = range.Kind;
        }
    }

    /// <summary>Writes out what is left.</summary>
    public void Finish()
    {
        if (_sharedBlock >= 0)
        {
            Emit(_sharedBlock, Math.Min(_sharedBlock + BlockBytes, diskSize), _sharedKind);
            _sharedBlock = -1;
        }

        Flush();
    }

    private long AddToSharedBlock(long start, long end, RangeKind kind)
    {
        var block = start / BlockBytes * BlockBytes;
        var blockEnd = Math.Min(block + BlockBytes, diskSize);
        _sharedKind = _sharedKind == kind ? kind : RangeKind.Read;
        if (end < blockEnd)
        {
            return end;
        }

        Emit(block, blockEnd, _sharedKind);
        _sharedBlock = -1;
        return blockEnd;
    }

    private void Emit(long start, long end, RangeKind kind)
    {
        if (_run.Length > 0 && _run.Kind == kind && _run.End == start)
        {
            _run = _run with { Length = end - _run.Offset };
            return;
        }

        Flush();
        _run = new WorkRange(start, end - start, kind);
    }

    private void Flush()
    {
        if (_run.Length > 0 && _run.Kind != RangeKind.Keep)
        {
            output.Add(_run);
        }

        _run = default;
    }
}
