// SPDX-License-Identifier: Apache-2.0
using System.Numerics;

namespace OvirtDistributed.Repository.Chunking;

/// <summary>Cuts one extent at a time into page-aligned, content-defined chunks and zero runs. One thread, no allocation.</summary>
/// <remarks>
/// The result depends on the bytes of the extent and the parameters only, never on how the bytes arrive in buffers.
/// Use: keep a window that starts at the first byte not yet returned; call <see cref="TryNext"/> until it returns false;
/// add bytes at the end of the window and go on; pass <c>last</c> with the final bytes of the extent. At most
/// <see cref="ChunkerParameters.MaximumSize"/> bytes and a partial page are ever left in the window.
/// </remarks>
public sealed class PageChunker
{
    private readonly int _pageSize;
    private readonly int _minimum;
    private readonly int _average;
    private readonly int _maximum;
    private readonly ulong _strictMask;
    private readonly ulong _looseMask;
    private readonly PageHash _hash;

    // Bytes at the start of the window that were looked at; how many zero bytes end them; whether all of them are a zero run.
    private int _examined;
    private int _zeroTail;
    private bool _inZeroRun;

    /// <exception cref="RepositoryException">The parameters do not fit each other.</exception>
    public PageChunker(ChunkerParameters parameters)
    {
        parameters.Validate();
        _pageSize = parameters.PageSize;
        _minimum = parameters.MinimumSize;
        _average = parameters.AverageSize;
        _maximum = parameters.MaximumSize;
        var bits = BitOperations.Log2((uint)(_average / _pageSize));

        // One page in 2^(bits+1) ends a chunk before the average, one in 2^(bits-2) after it: few tiny or huge chunks.
        _strictMask = TopBits(bits + 1);
        _looseMask = TopBits(Math.Max(bits - 2, 1));
        _hash = new PageHash(parameters.Salt.Span);
    }

    /// <summary>Forgets an unfinished extent. Not needed after an extent that was read to its last byte.</summary>
    public void Reset()
    {
        _examined = 0;
        _zeroTail = 0;
        _inZeroRun = false;
    }

    /// <summary>Finds the next segment at the start of <paramref name="window"/>.</summary>
    /// <param name="window">The bytes from the first one not yet returned. Earlier content must not change between calls.</param>
    /// <param name="last">True when the extent ends with the window: the rest is returned, also an unaligned end.</param>
    /// <param name="segment">The segment; the next window starts behind it.</param>
    /// <returns>False when more bytes are needed (or, with <paramref name="last"/>, when the window is empty).</returns>
    public bool TryNext(ReadOnlySpan<byte> window, bool last, out ChunkSegment segment)
    {
        while (window.Length - _examined >= _pageSize)
        {
            if (ExaminePage(window.Slice(_examined, _pageSize), out segment))
            {
                return true;
            }
        }

        return TakeRest(window, last, out segment);
    }

    private static ulong TopBits(int count) => ulong.MaxValue << (64 - count);

    private bool ExaminePage(ReadOnlySpan<byte> page, out ChunkSegment segment)
    {
        var isZero = ZeroScan.IsZero(page);
        if (_inZeroRun)
        {
            return ExamineInZeroRun(page, isZero, out segment);
        }

        _examined += _pageSize;
        if (isZero)
        {
            return ExamineZeroPage(out segment);
        }

        _zeroTail = 0;
        if (_examined >= _minimum && (_examined >= _maximum || IsCut(page)))
        {
            return Return(_examined, isZero: false, out segment);
        }

        segment = default;
        return false;
    }

    private bool ExamineInZeroRun(ReadOnlySpan<byte> page, bool isZero, out ChunkSegment segment)
    {
        if (isZero)
        {
            _examined += _pageSize;
            segment = default;
            return false;
        }

        // The run ends in front of this page, which is looked at again as the first of the next segment.
        _inZeroRun = false;
        return _examined > 0 ? Return(_examined, isZero: true, out segment) : ExaminePage(page, out segment);
    }

    private bool ExamineZeroPage(out ChunkSegment segment)
    {
        segment = default;
        _zeroTail += _pageSize;
        if (_zeroTail < _minimum)
        {
            // Too short to be cut out so far. Zero pages never end a chunk by their content: all of them would, or none.
            return _examined >= _maximum && Return(_examined, isZero: false, out segment);
        }

        var data = _examined - _zeroTail;
        _inZeroRun = true;
        _examined = _zeroTail;
        _zeroTail = 0;
        segment = new ChunkSegment(data, IsZero: false);
        return data > 0;
    }

    private bool IsCut(ReadOnlySpan<byte> page) => (_hash.Compute(page) & (_examined < _average ? _strictMask : _looseMask)) == 0;

    private bool TakeRest(ReadOnlySpan<byte> window, bool last, out ChunkSegment segment)
    {
        if (_inZeroRun && _examined > 0 && !(last && ZeroScan.IsZero(window[_examined..])))
        {
            // A long run is handed out as it goes, so that the window never has to hold it.
            segment = new ChunkSegment(_examined, IsZero: true);
            _examined = 0;
            _inZeroRun = !last;
            return true;
        }

        if (last && !window.IsEmpty)
        {
            _inZeroRun = false;
            return Return(window.Length, ZeroScan.IsZero(window), out segment);
        }

        if (last)
        {
            Reset();
        }

        segment = default;
        return false;
    }

    private bool Return(int length, bool isZero, out ChunkSegment segment)
    {
        segment = new ChunkSegment(length, isZero);
        _examined = 0;
        _zeroTail = 0;
        return true;
    }
}
