// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Text;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.ImageIo;

public sealed class ImageExtentTests
{
    [Fact]
    public async Task DirtyExtents_AreStreamedInOrder()
    {
        await using var server = await ImageServer.StartAsync([]);
        server.Extents = """
            [{"start":0,"length":65536,"dirty":true,"zero":false},
             {"start":65536,"length":65536,"dirty":true,"zero":true,"new":{"a":[1,{"b":2}],"c":null} },
             {"dirty":false,"zero":false,"length":1048576,"start":131072}]
            """;
        await using var client = await server.ConnectAsync().WithinDeadline();

        var extents = await client.ReadExtentsAsync(ExtentContext.Dirty, CancellationToken.None).ToListAsync(CancellationToken.None).AsTask().WithinDeadline();

        Assert.Equal(
            [
                new ImageExtent(0, 65536, false, false, true),
                new ImageExtent(65536, 65536, true, false, true),
                new ImageExtent(131072, 1048576, false, false, false),
            ],
            extents);
        Assert.Equal(131072 + 1048576, await client.GetSizeAsync(CancellationToken.None).WithinDeadline());
        Assert.Equal(1, server.Count("GET /images/5c9f0e9a-ticket/extents?context=dirty"));
    }

    [Fact]
    public async Task ManyExtents_AreAllRead()
    {
        const int Count = 200_000;
        await using var server = await ImageServer.StartAsync([]);
        var text = new StringBuilder("[");
        for (long index = 0; index < Count; index++)
        {
            text.Append(index == 0 ? string.Empty : ",\n").Append($$"""{"start":{{index * 65536}},"length":65536,"zero":{{(index % 2 == 0 ? "true" : "false")}},"hole":false}""");
        }

        server.Extents = text.Append(']').ToString();
        await using var client = await server.ConnectAsync().WithinDeadline();
        var seen = 0;
        await foreach (var extent in client.ReadExtentsAsync(ExtentContext.Zero, CancellationToken.None))
        {
            if (extent.IsZero != (seen % 2 == 0))
            {
                Assert.Fail($"Extent {seen} is wrong.");
            }

            seen++;
        }

        Assert.Equal(Count, seen);
    }

    [Fact]
    public void MemoryOfTheReader_DoesNotGrowWithTheList()
    {
        var reader = new ExtentReader(ExtentContext.Zero);
        var extents = new List<ImageExtent>(1);
        var open = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes("["));
        reader.Read(open, isFinal: false, extents);
        var pieces = new ReadOnlySequence<byte>[1000];
        for (var index = 0; index < pieces.Length; index++)
        {
            pieces[index] = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes($$"""{{(index == 0 ? " " : ",")}}{"start":{{index}},"length":1,"zero":true}"""));
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var piece in pieces)
        {
            reader.Read(piece, isFinal: false, extents);
            extents.Clear();
        }

        Assert.Equal(1000, reader.EndBytes);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
    }

    [Theory]
    [InlineData("""[{"start":0,"length":10},{"start":11,"length":10}]""", "a gap")]
    [InlineData("""[{"start":0,"length":10},{"start":9,"length":10}]""", "an overlap")]
    [InlineData("""[{"start":5,"length":10}]""", "not from 0")]
    [InlineData("""[{"start":0,"length":0}]""", "empty")]
    [InlineData("""[{"start":0,"length":-1}]""", "negative")]
    [InlineData("""[{"start":0,"length":9223372036854775807},{"start":9223372036854775807,"length":1}]""", "overflow")]
    [InlineData("""[{"start":"0","length":10}]""", "text")]
    [InlineData("""[{"start":0,"length":1.5}]""", "fraction")]
    [InlineData("""[{"start":0}]""", "no length")]
    [InlineData("""[{"start":0,"length":10,"zero":1}]""", "no boolean")]
    [InlineData("""[{"start":0,"length":10}""", "cut off")]
    [InlineData("""[{"start":0,"length":10}]]""", "too much")]
    [InlineData("""{"start":0,"length":10}""", "no array")]
    [InlineData("""[[{"start":0,"length":10}]]""", "nested")]
    [InlineData("""[7]""", "numbers")]
    [InlineData("null", "null")]
    [InlineData("", "nothing")]
    [InlineData("<html/>", "html")]
    public async Task ListBreaksTheProtocol_IsInvalidResponse(string list, string why)
    {
        await using var server = await ImageServer.StartAsync([]);
        server.Extents = list;
        await using var client = await server.ConnectAsync().WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.ReadExtentsAsync(ExtentContext.Zero, CancellationToken.None).ToListAsync(CancellationToken.None).AsTask()).WithinDeadline();

        Assert.True(failure.Error == OvirtError.InvalidResponse, why);
    }

    [Fact]
    public async Task DirtyListWithoutDirtyMark_IsRefusedInsteadOfTakenAsClean()
    {
        await using var server = await ImageServer.StartAsync([]);
        server.Extents = """[{"start":0,"length":10,"zero":false}]""";
        await using var client = await server.ConnectAsync().WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.ReadExtentsAsync(ExtentContext.Dirty, CancellationToken.None).ToListAsync(CancellationToken.None).AsTask()).WithinDeadline();

        Assert.Equal(OvirtError.InvalidResponse, failure.Error);
    }

    [Theory]
    [InlineData(404, OvirtError.Unsupported)]
    [InlineData(403, OvirtError.TicketRefused)]
    public async Task DaemonRefuses_IsTold(int status, OvirtError expected)
    {
        await using var server = await ImageServer.StartAsync([]);
        server.Fault("extents", ImageFault.Answer(status));
        await using var client = await server.ConnectAsync().WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.ReadExtentsAsync(ExtentContext.Dirty, CancellationToken.None).ToListAsync(CancellationToken.None).AsTask()).WithinDeadline();

        Assert.Equal(expected, failure.Error);
    }

    [Fact]
    public async Task ConnectionBreaksBeforeTheList_IsResumedAndInItsMiddleIsReported()
    {
        await using var server = await ImageServer.StartAsync([]);
        server.Extents = """[{"start":0,"length":10,"zero":false},{"start":10,"length":10,"zero":false}]""";
        var firstIsSeen = new TaskCompletionSource();
        server.Fault("extents", ImageFault.Drop, ImageFault.DropAfter(45) with { Gate = firstIsSeen.Task });
        await using var client = await server.ConnectAsync().WithinDeadline();
        var seen = new List<ImageExtent>();

        var failure = await Assert.ThrowsAsync<OvirtException>(async () =>
        {
            await foreach (var extent in client.ReadExtentsAsync(ExtentContext.Zero, CancellationToken.None))
            {
                seen.Add(extent);
                firstIsSeen.SetResult();
            }
        }).WithinDeadline();

        Assert.Equal(OvirtError.ImageFailed, failure.Error);
        Assert.Single(seen);
        Assert.True(server.FaultsUsed);
        // And once more, from the start, on a new connection.
        Assert.Equal(2, await client.ReadExtentsAsync(ExtentContext.Zero, CancellationToken.None).CountAsync(CancellationToken.None).AsTask().WithinDeadline());
    }

    [Fact]
    public async Task ReaderIsLeftEarly_ConnectionIsUsableAgain()
    {
        await using var server = await ImageServer.StartAsync([]);
        server.Extents = """[{"start":0,"length":10,"zero":false},{"start":10,"length":10,"zero":false}]""";
        await using var client = await server.ConnectAsync().WithinDeadline();

        await foreach (var extent in client.ReadExtentsAsync(ExtentContext.Zero, CancellationToken.None))
        {
            Assert.Equal(0, extent.Start);
            break;
        }

        Assert.Equal(2, await client.ReadExtentsAsync(ExtentContext.Zero, CancellationToken.None).CountAsync(CancellationToken.None).AsTask().WithinDeadline());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public void ListArrivesInPieces_ReadsTheSame(int pieceBytes)
    {
        var text = Encoding.UTF8.GetBytes("""  [ {"start":0,"length":65536,"zero":true,"hole":true}, {"x":{"y":[{}]},"start":65536,"length":1,"zero":false} ]  """);
        var reader = new ExtentReader(ExtentContext.Zero);
        var extents = new List<ImageExtent>();
        var rest = ReadOnlyMemory<byte>.Empty;
        for (var offset = 0; offset < text.Length; offset += pieceBytes)
        {
            var piece = text[offset..Math.Min(text.Length, offset + pieceBytes)];
            var data = new ReadOnlySequence<byte>(rest.ToArray().Concat(piece).ToArray());
            var consumed = reader.Read(data, offset + pieceBytes >= text.Length, extents);
            rest = data.Slice(consumed).ToArray();
        }

        Assert.True(reader.IsComplete);
        Assert.Equal([new ImageExtent(0, 65536, true, true, false), new ImageExtent(65536, 1, false, false, false)], extents);
    }
}
