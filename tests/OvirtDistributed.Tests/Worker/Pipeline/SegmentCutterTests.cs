// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Memory;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Pipeline;

public sealed class SegmentCutterTests
{
    private static readonly ChunkerParameters Parameters = new() { Salt = new byte[ChunkerParameters.SaltLength] };

    [Fact]
    public async Task ExtentOverManySegments_CutAsIfInOnePiece()
    {
        var image = new byte[(11 << 20) + 777];
        new Random(5).NextBytes(image);
        image.AsSpan(5 << 20, 1 << 20).Clear();

        var cuts = await CutAsync(image, [(0, image.Length)]);

        Assert.Equal(CutWhole(image, 0, image.Length), cuts.Select(cut => (cut.Offset, cut.Length, cut.IsZero)));
        Assert.All(cuts, cut => Assert.True(cut.Content.AsSpan().SequenceEqual(image.AsSpan((int)cut.Offset, cut.Length))));
    }

    [Fact]
    public async Task ManySmallExtents_EachIsCutByItself()
    {
        var image = new byte[16 << 20];
        new Random(6).NextBytes(image);
        var extents = Enumerable.Range(0, 100).Select(i => (Offset: i * 160_000 / 4096 * 4096, Length: 65_536)).ToList();

        var cuts = await CutAsync(image, extents);

        Assert.Equal(
            extents.SelectMany(extent => CutWhole(image, extent.Offset, extent.Length)), cuts.Select(cut => (cut.Offset, cut.Length, cut.IsZero)));
        Assert.All(cuts, cut => Assert.True(cut.Content.AsSpan().SequenceEqual(image.AsSpan((int)cut.Offset, cut.Length))));
    }

    private static List<(long Offset, int Length, bool IsZero)> CutWhole(byte[] image, int offset, int length)
    {
        var chunker = new PageChunker(Parameters);
        var cuts = new List<(long, int, bool)>();
        var position = offset;
        while (chunker.TryNext(image.AsSpan(position, offset + length - position), last: true, out var segment))
        {
            cuts.Add((position, segment.Length, segment.IsZero));
            position += segment.Length;
        }

        return Joined(cuts);
    }

    private static async Task<List<(long Offset, int Length, bool IsZero, byte[] Content)>> CutAsync(
        byte[] image, IReadOnlyList<(int Offset, int Length)> extents)
    {
        var filled = Channel.CreateUnbounded<Segment>();
        foreach (var segment in Fill(image, extents))
        {
            filled.Writer.TryWrite(segment);
        }

        filled.Writer.Complete();
        var cut = Channel.CreateUnbounded<Segment>();
        await new SegmentCutter(Parameters, new TransferMeter(TimeProvider.System)).RunAsync(filled.Reader, cut.Writer, CancellationToken.None).WithinDeadline();
        var result = new List<(long, int, bool, byte[])>();
        await foreach (var segment in cut.Reader.ReadAllAsync())
        {
            foreach (var piece in segment.Cuts)
            {
                var content = segment.Buffer.Span.Slice(piece.BufferOffset, piece.Length).ToArray();
                if (piece.IsZero && result.Count > 0 && result[^1] is (var offset, var length, true, var zeroes) && offset + length == piece.DiskOffset)
                {
                    result[^1] = (offset, length + piece.Length, true, [.. zeroes, .. content]);
                }
                else
                {
                    result.Add((piece.DiskOffset, piece.Length, piece.IsZero, content));
                }
            }
        }

        return result;
    }

    private static IEnumerable<Segment> Fill(byte[] image, IReadOnlyList<(int Offset, int Length)> extents)
    {
        var headRoom = SegmentCutter.HeadRoom(Parameters);
        Segment? open = null;
        foreach (var (offset, length) in extents)
        {
            for (var done = 0; done < length;)
            {
                open ??= new Segment(new PageBuffer(headRoom + Segment.ContentBytes), headRoom);
                var part = Math.Min(Math.Min(1 << 20, open.Room), length - done);
                var piece = open.Add(offset + done, part, done + part == length);
                image.AsSpan(offset + done, part).CopyTo(open.Buffer.Span[piece.BufferOffset..]);
                open.PartDone();
                done += part;
                if (open.Room < RangeAligner.BlockBytes)
                {
                    open.PartDone();
                    yield return open;
                    open = null;
                }
            }
        }

        if (open is not null)
        {
            open.PartDone();
            yield return open;
        }
    }

    // Runs of zeroes may come in several pieces: where they are divided carries no meaning.
    private static List<(long Offset, int Length, bool IsZero)> Joined(List<(long Offset, int Length, bool IsZero)> cuts)
    {
        var joined = new List<(long Offset, int Length, bool IsZero)>();
        foreach (var cut in cuts)
        {
            if (cut.IsZero && joined.Count > 0 && joined[^1].IsZero && joined[^1].Offset + joined[^1].Length == cut.Offset)
            {
                joined[^1] = (joined[^1].Offset, joined[^1].Length + cut.Length, true);
            }
            else
            {
                joined.Add(cut);
            }
        }

        return joined;
    }
}
