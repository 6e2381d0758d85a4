// SPDX-License-Identifier: Apache-2.0
using FsCheck.Fluent;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Chunking;

public sealed class PageChunkerTests
{
    private const int Page = 4096;

    private static readonly ChunkerParameters Parameters = TestRepository.Parameters().Chunker;

    [Fact]
    public void AnyContentInAnyBuffers_IsCutTheSameAndCoversTheExtent() =>
        Prop.ForAll<int, int[]>((seed, runs) =>
        {
            var content = Content(seed, runs);
            var whole = Cut(content, buffer: content.Length);
            var pieces = Cut(content, buffer: 1 + (Math.Abs(seed % 77) * 997));
            Assert.Equal(content.Length, whole.Sum(segment => (long)segment.Length));
            Assert.Equal(whole, pieces);
        }).Holds();

    [Fact]
    public void AnyContent_SegmentsKeepTheBounds() =>
        Prop.ForAll<int, int[]>((seed, runs) =>
        {
            var content = Content(seed, runs);
            var segments = Cut(content, content.Length);
            var offset = 0;
            for (var i = 0; i < segments.Count; i++)
            {
                var (length, isZero) = segments[i];
                var isLast = i == segments.Count - 1;
                Assert.True(offset % Page == 0, "a cut is not aligned");
                Assert.Equal(isZero, isZero && ZeroScan.IsZero(content.AsSpan(offset, length)));
                Assert.True(isZero || length <= Parameters.MaximumSize, "a chunk is too long");
                Assert.True(isLast || length % Page == 0, "only the end may be unaligned");
                Assert.True(!isZero || isLast || length >= Parameters.MinimumSize, "a short zero run was cut out");
                Assert.True(isZero || isLast || segments[i + 1].IsZero || length >= Parameters.MinimumSize, "a chunk is too short");
                offset += length;
            }
        }).Holds();

    [Fact]
    public void BytesInserted_ChunksBehindTheInsertionAreFoundAgain()
    {
        var content = new byte[16 << 20];
        new Random(7).NextBytes(content);
        var moved = new byte[content.Length + (5 * Page)];
        new Random(8).NextBytes(moved.AsSpan(0, 5 * Page));
        content.CopyTo(moved, 5 * Page);
        var before = Chunks(content);
        var shared = Chunks(moved).Count(before.Contains);
        Assert.True(shared > before.Count * 9 / 10, $"{shared} of {before.Count} chunks were found again");
    }

    [Fact]
    public void RandomContent_AverageIsNearTheAim()
    {
        var content = new byte[64 << 20];
        new Random(9).NextBytes(content);
        var average = content.Length / Cut(content, content.Length).Count;
        Assert.InRange(average, Parameters.AverageSize * 3 / 4, Parameters.AverageSize * 4 / 3);
    }

    [Fact]
    public void FixedContentAndSalt_CutsAreThoseOfTheFormat()
    {
        // Frozen: other cuts would share nothing with what existing repositories hold.
        var content = new byte[2 << 20];
        for (var i = 0; i < content.Length; i++)
        {
            content[i] = (byte)((i * 2654435761L) >> 13);
        }

        Assert.Equal(FrozenCuts, string.Join(",", Cut(content, content.Length).Select(segment => segment.Length / Page)));
    }

    [Fact]
    public void OtherSalt_CutsElsewhere()
    {
        var content = new byte[8 << 20];
        new Random(10).NextBytes(content);
        var other = Parameters with { Salt = new byte[ChunkerParameters.SaltLength] };
        Assert.NotEqual(Cut(content, content.Length), Cut(content, content.Length, other));
    }

    [Fact]
    public void ZerosOfAHugeRun_NeverFillTheWindow()
    {
        var chunker = new PageChunker(Parameters);
        var zeros = new byte[1 << 20];
        for (var i = 0; i < 64; i++)
        {
            Assert.True(chunker.TryNext(zeros, last: false, out var segment));
            Assert.Equal(new ChunkSegment(zeros.Length, IsZero: true), segment);
            Assert.False(chunker.TryNext([], last: false, out _));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3000)]
    [InlineData(4 << 20)]
    public void ParametersOutOfRange_AreRefusedWithTheirNames(int minimum)
    {
        var error = Assert.Throws<RepositoryException>(() => new PageChunker(Parameters with { MinimumSize = minimum }));
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
        Assert.Contains("minimum", error.Message, StringComparison.Ordinal);
    }

    private const string FrozenCuts = "22,39,37,25,11,45,20,29,38,37,37,28,52,33,32,27";

    private static HashSet<string> Chunks(byte[] content)
    {
        var chunks = new HashSet<string>();
        var offset = 0;
        foreach (var segment in Cut(content, content.Length))
        {
            chunks.Add(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(content.AsSpan(offset, segment.Length))));
            offset += segment.Length;
        }

        return chunks;
    }

    /// <summary>Runs of data and zeros of a few pages, with an odd end.</summary>
    private static byte[] Content(int seed, int[] runs)
    {
        var random = new Random(seed);
        var stream = new MemoryStream();
        for (var i = 0; i < Math.Min(runs.Length, 40); i++)
        {
            var run = new byte[Math.Abs(runs[i] % 60) * Page];
            if (i % 2 == 0)
            {
                random.NextBytes(run);
            }

            stream.Write(run);
        }

        stream.Write(new byte[] { 1, 2, 3 }.AsSpan(0, Math.Abs(seed % 4)));
        return stream.ToArray();
    }

    /// <summary>Cuts as a reader does, with a window that grows by whatever the buffers bring. Zero runs are joined: they may come in parts.</summary>
    private static List<ChunkSegment> Cut(byte[] content, int buffer, ChunkerParameters? parameters = null)
    {
        var chunker = new PageChunker(parameters ?? Parameters);
        var result = new List<ChunkSegment>();
        var start = 0;
        for (var end = 0; ;)
        {
            end = (int)Math.Min((long)end + Math.Max(buffer, 1), content.Length);
            while (chunker.TryNext(content.AsSpan(start, end - start), end == content.Length, out var segment))
            {
                Assert.True(segment.Length > 0);
                start += segment.Length;
                if (segment.IsZero && result.Count > 0 && result[^1].IsZero)
                {
                    result[^1] = result[^1] with { Length = result[^1].Length + segment.Length };
                }
                else
                {
                    result.Add(segment);
                }
            }

            Assert.True(end - start <= Parameters.MaximumSize + Page, "too much is left in the window");
            if (end == content.Length)
            {
                Assert.Equal(end, start);
                return result;
            }
        }
    }
}
