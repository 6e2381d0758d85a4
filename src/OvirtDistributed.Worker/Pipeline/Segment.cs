// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Memory;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>A range of the disk inside a segment's buffer.</summary>
/// <param name="DiskOffset">First byte on the disk.</param>
/// <param name="BufferOffset">First byte in the buffer.</param>
/// <param name="Length">Bytes.</param>
/// <param name="EndsExtent">True when the next piece does not continue this one on the disk.</param>
internal readonly record struct SegmentPiece(long DiskOffset, int BufferOffset, int Length, bool EndsExtent);

/// <summary>A chunk, or a run of zeroes, that the cutter found.</summary>
internal readonly record struct CutPiece(long DiskOffset, int BufferOffset, int Length, bool IsZero);

/// <summary>
/// A buffer on its way through the pipeline. One owner at a time: planner and readers fill it, the cutter finds its chunks, an encoder
/// sends them and gives it back. Behind a head room for the end of the segment before lie up to 4 MiB of disk content,
/// so that every chunk is contiguous in one buffer.
/// </summary>
internal sealed class Segment
{
    /// <summary>Disk content in one segment: also the unit of one "have" question.</summary>
    public const int ContentBytes = 4 << 20;

    private int _pendingReads;
    private byte[] _question = [];
    private TaskCompletionSource _filled = NewSignal();

    public Segment(PageBuffer buffer, int headRoom)
    {
        Owner = buffer;
        HeadRoom = headRoom;
        Reset();
    }

    /// <summary>Whose memory it is.</summary>
    public PageBuffer Owner { get; }

    public Memory<byte> Buffer => Owner.Memory;

    public int HeadRoom { get; }

    public List<SegmentPiece> Pieces { get; } = [];

    public List<CutPiece> Cuts { get; } = [];

    /// <summary>One for each cut; <see cref="ChunkDigest.Zero"/> for zeroes.</summary>
    public List<ChunkDigest> Digests { get; } = [];

    /// <summary>Digests of this segment looked at so far.</summary>
    public HashSet<ChunkDigest> Seen { get; } = [];

    /// <summary>Positions in <see cref="Cuts"/> of the chunks that have to be sent.</summary>
    public List<int> Missing { get; } = [];

    /// <summary>Where the next piece goes.</summary>
    public int End { get; private set; }

    public int Room => HeadRoom + ContentBytes - End;

    /// <summary>Completes when the planner has closed the segment and all its reads are done.</summary>
    public Task Filled => _filled.Task;

    /// <summary>Adds a piece whose read is still to come.</summary>
    public SegmentPiece Add(long diskOffset, int length, bool endsExtent)
    {
        var piece = new SegmentPiece(diskOffset, End, length, endsExtent);
        Pieces.Add(piece);
        End += length;
        Interlocked.Increment(ref _pendingReads);
        return piece;
    }

    /// <summary>One read is done, or the planner adds no more.</summary>
    public void PartDone()
    {
        if (Interlocked.Decrement(ref _pendingReads) == 0)
        {
            _filled.SetResult();
        }
    }

    /// <summary>The digests of some cuts, one after the other. Valid until the next call.</summary>
    public ReadOnlyMemory<byte> QuestionOf(List<int> cuts)
    {
        var length = cuts.Count * ChunkDigest.Size;
        if (_question.Length < length)
        {
            _question = new byte[Math.Max(length, 128 * ChunkDigest.Size)];
        }

        for (var i = 0; i < cuts.Count; i++)
        {
            Digests[cuts[i]].CopyTo(_question.AsSpan(i * ChunkDigest.Size));
        }

        return _question.AsMemory(0, length);
    }

    /// <summary>Makes it ready for its next round.</summary>
    public void Reset()
    {
        Pieces.Clear();
        Cuts.Clear();
        Digests.Clear();
        Seen.Clear();
        Missing.Clear();
        End = HeadRoom;

        // One for the planner, taken off when it closes the segment.
        _pendingReads = 1;
        _filled = NewSignal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
