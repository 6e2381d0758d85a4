// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Rewriting;

/// <summary>Tells which entries of one map page are worth being written anew, and how much. One thread; working memory is kept from page to page.</summary>
/// <remarks>
/// The page is looked at alone. A chunk that goes on in the page before or behind counts as used there: at most two chunks of a page, and then wrongly
/// only until that neighbour changes.
/// </remarks>
internal sealed class PageRewrites(RewriteOptions options)
{
    // What a fragment saves by becoming part of a chunk: the bytes that are read in the time of one more read.
    private const int BytesPerRead = 64 << 10;
    private const int UsualChunk = 128 << 10;

    private readonly List<Use> _uses = [];
    private readonly List<ChunkUse> _chunks = [];
    private double[] _scores = [];
    private bool[] _partial = [];
    private long _dataBytes;
    private long _readBytes;
    private int _dataEntries;

    /// <summary>Looks at a page.</summary>
    /// <param name="start">Where on the disk it starts.</param>
    /// <param name="entries">All of the page, in order.</param>
    /// <param name="found">The chunk of each entry; none for zeros and for what is not stored.</param>
    /// <param name="isLast">Whether the disk ends with it.</param>
    /// <param name="selection">Takes the ranges.</param>
    public void Find(long start, ReadOnlySpan<MapEntry> entries, ReadOnlySpan<IndexEntry> found, bool isLast, RewriteSelection selection)
    {
        if (_scores.Length < entries.Length)
        {
            _scores = new double[entries.Length * 2];
            _partial = new bool[entries.Length * 2];
        }

        _scores.AsSpan(0, entries.Length).Clear();
        Collect(entries, found, isFirst: start == 0, isLast);
        MeasureChunks();
        ScoreChunks();
        if (_dataEntries > 0 && _dataBytes / _dataEntries < options.FragmentBytes)
        {
            ScoreFragments(entries);
        }

        for (var i = 0; i < entries.Length; i++)
        {
            if (_scores[i] > 0)
            {
                selection.Add(new DiskRange(start + entries[i].Offset, entries[i].Length), _scores[i]);
            }
        }
    }

    private void Collect(ReadOnlySpan<MapEntry> entries, ReadOnlySpan<IndexEntry> found, bool isFirst, bool isLast)
    {
        _uses.Clear();
        (_dataBytes, _dataEntries) = (0, 0);
        for (var i = 0; i < entries.Length; i++)
        {
            var (entry, chunk) = (entries[i], found[i]);
            _partial[i] = false;
            if (entry.IsZero || chunk.IsNone)
            {
                continue;
            }

            _dataEntries++;
            _dataBytes += entry.Length;
            var from = i == 0 && !isFirst ? 0 : entry.ChunkOffset;
            var to = i == entries.Length - 1 && !isLast ? chunk.PlainLength : entry.ChunkOffset + entry.Length;
            _partial[i] = from > 0 || to < chunk.PlainLength;
            _uses.Add(new Use(chunk.Pack, chunk.Offset, from, to, i, entry.Length, chunk.PlainLength));
        }

        _uses.Sort(static (a, b) =>
            a.Pack != b.Pack ? a.Pack.CompareTo(b.Pack) : a.Place != b.Place ? a.Place.CompareTo(b.Place) : a.From.CompareTo(b.From));
    }

    /// <summary>Of each chunk the union of what the page uses.</summary>
    private void MeasureChunks()
    {
        _chunks.Clear();
        _readBytes = 0;
        for (var first = 0; first < _uses.Count;)
        {
            var (live, end, elsewhere) = (0L, 0, 0L);
            var next = first;
            for (; next < _uses.Count && _uses[next].Pack == _uses[first].Pack && _uses[next].Place == _uses[first].Place; next++)
            {
                var use = _uses[next];
                live += Math.Max(0, use.To - Math.Max(use.From, end));
                end = Math.Max(end, use.To);
                elsewhere += use.To - use.From - use.Length;
            }

            var plain = _uses[first].Plain;
            _chunks.Add(new ChunkUse(first, next - first, live, plain));
            _readBytes += Math.Max(0, plain - elsewhere);
            first = next;
        }
    }

    private void ScoreChunks()
    {
        // A page that is read too much is brought down: when no chunk of it is used less than 1 / most, it cannot be read more than most times.
        var limit = _readBytes > options.MostReadAmplification * _dataBytes
            ? Math.Max(options.LiveBelow, 1 / options.MostReadAmplification)
            : options.LiveBelow;
        foreach (var chunk in _chunks)
        {
            if (chunk.Live >= limit * chunk.Plain)
            {
                continue;
            }

            // Bytes given back for each byte written.
            var score = (chunk.Plain - chunk.Live) / (double)chunk.Live;
            for (var i = chunk.First; i < chunk.First + chunk.Count; i++)
            {
                _scores[_uses[i].Entry] = score;
            }
        }
    }

    /// <summary>Runs of small neighbours, of which one at least is no whole chunk: else they would only be cut the same way again.</summary>
    private void ScoreFragments(ReadOnlySpan<MapEntry> entries)
    {
        for (var first = 0; first < entries.Length; first++)
        {
            var (next, bytes, partial) = (first, 0L, false);
            for (; next < entries.Length && !entries[next].IsZero && entries[next].Length < options.FragmentBytes; next++)
            {
                bytes += entries[next].Length;
                partial |= _partial[next];
            }

            var saved = next - first - ((bytes + UsualChunk - 1) / UsualChunk);
            if (partial && saved > 0)
            {
                var score = saved * BytesPerRead / (double)bytes;
                for (var i = first; i < next; i++)
                {
                    _scores[i] = Math.Max(_scores[i], score);
                }
            }

            first = next;
        }
    }

    private readonly record struct Use(uint Pack, uint Place, int From, int To, int Entry, int Length, int Plain);

    private readonly record struct ChunkUse(int First, int Count, long Live, int Plain);
}
