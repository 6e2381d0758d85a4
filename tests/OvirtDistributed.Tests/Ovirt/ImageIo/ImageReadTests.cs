// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.ImageIo;

public sealed class ImageReadTests
{
    private const int Size = 3 * 1024 * 1024 + 123;

    [Fact]
    public async Task ParallelReads_FillTheCallersMemoryWithinTheAllowedConnections()
    {
        var image = RandomImage();
        await using var server = await ImageServer.StartAsync(image);
        server.Options = """{"features":["extents"],"max_readers":3,"max_writers":1}""";
        var result = new byte[Size];
        await using (var client = await server.ConnectAsync().WithinDeadline())
        {
            const int Piece = 100_000;
            await Task.WhenAll(Enumerable.Range(0, (Size + Piece - 1) / Piece).Select(index =>
                client.ReadAsync((long)index * Piece, result.AsMemory(index * Piece, Math.Min(Piece, Size - (index * Piece))), CancellationToken.None))).WithinDeadline();

            Assert.Equal(2, client.Connections);
            Assert.Equal(Size, await client.GetSizeAsync(CancellationToken.None).WithinDeadline());
            Assert.Equal(ImageRoute.Direct, client.Route);
        }

        Assert.Equal(image, result);
        // One of the three is kept for extents and keep-alive.
        Assert.InRange(server.Connections, 1, 2);
        Assert.InRange(server.MostActive, 1, 2);
        Assert.Equal(1, server.Count("OPTIONS"));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1_000_000)]
    [InlineData(Size - 1, 1)]
    [InlineData(0, Size)]
    public async Task ConnectionBreaksInTheMiddle_ReadGoesOnAtTheFirstMissingByte(int offset, int length)
    {
        var image = RandomImage();
        await using var server = await ImageServer.StartAsync(image);
        var half = length / 2;
        server.Fault("GET", ImageFault.DropAfter(half), ImageFault.Drop, ImageFault.DropAfter(0));
        await using var client = await server.ConnectAsync().WithinDeadline();
        var result = new byte[length];

        await client.ReadAsync(offset, result, CancellationToken.None).WithinDeadline();

        Assert.Equal(image[offset..(offset + length)], result);
        Assert.True(server.FaultsUsed);
        Assert.Equal(4, server.Count("GET"));
    }

    [Fact]
    public async Task ConnectionKeepsBreaking_FailsAfterTheAllowedResumes()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        server.Fault("GET", Enumerable.Repeat(ImageFault.DropAfter(10), 20).ToArray());
        await using var client = await server.ConnectAsync(options: new ImageIoOptions { MaxResumes = 2, ResumeDelay = TimeSpan.Zero }).WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.ReadAsync(0, new byte[1000], CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.ImageFailed, failure.Error);
        // The HTTP handler itself sends once more where not even the answer's head arrived.
        Assert.InRange(server.Count("GET"), 3, 12);
    }

    [Theory]
    [InlineData(403, OvirtError.TicketRefused)]
    [InlineData(416, OvirtError.RangeRefused)]
    [InlineData(500, OvirtError.ImageFailed)]
    [InlineData(400, OvirtError.BadRequest)]
    [InlineData(200, OvirtError.InvalidResponse)]
    public async Task DaemonRefuses_IsNotRepeated(int status, OvirtError expected)
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        server.Fault("GET", ImageFault.Answer(status));
        await using var client = await server.ConnectAsync().WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.ReadAsync(0, new byte[1000], CancellationToken.None)).WithinDeadline();

        Assert.Equal(expected, failure.Error);
        Assert.Equal(1, server.Count("GET"));
    }

    [Fact]
    public async Task ReadBeyondTheEnd_IsRangeRefused()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        await using var client = await server.ConnectAsync().WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.ReadAsync(Size - 1, new byte[2], CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.RangeRefused, failure.Error);
    }

    [Theory]
    [InlineData("bytes 0-999/3145851")]
    [InlineData("bytes 100-1098/3145851")]
    [InlineData("bytes */3145851")]
    [InlineData("")]
    public async Task AnswerIsForAnotherRange_IsRefusedInsteadOfTaken(string range)
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        server.Fault("GET", ImageFault.WrongRange(range));
        await using var client = await server.ConnectAsync().WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.ReadAsync(100, new byte[1000], CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.InvalidResponse, failure.Error);
    }

    [Fact]
    public async Task NothingMoves_IsStalledOnTheInjectedClockAndNotATotalLimit()
    {
        var time = new ManualTimeProvider();
        await using var server = await ImageServer.StartAsync(RandomImage());
        server.Fault("GET", ImageFault.HangAfter(10));
        await using var client = await server.ConnectAsync(options: new ImageIoOptions { MaxResumes = 0, KeepAliveInterval = TimeSpan.FromHours(9) }, time: time).WithinDeadline();

        var read = client.ReadAsync(0, new byte[1000], CancellationToken.None);
        await Deadline.UntilAsync(() => Task.FromResult(server.Count("GET") == 1), "the read to arrive");
        await time.DriveAsync(read, TimeSpan.FromSeconds(5));

        var failure = await Assert.ThrowsAsync<OvirtException>(() => read);
        Assert.Equal(OvirtError.Stalled, failure.Error);
        Assert.True(failure.IsRetryable);
    }

    [Fact]
    public async Task StalledConnection_IsReplacedAndTheReadGoesOn()
    {
        var time = new ManualTimeProvider();
        var image = RandomImage();
        await using var server = await ImageServer.StartAsync(image);
        server.Fault("GET", ImageFault.HangAfter(10));
        await using var client = await server.ConnectAsync(options: new ImageIoOptions { KeepAliveInterval = TimeSpan.FromHours(9) }, time: time).WithinDeadline();
        var result = new byte[1000];

        var read = client.ReadAsync(5, result, CancellationToken.None);
        await Deadline.UntilAsync(() => Task.FromResult(server.Count("GET") == 1), "the read to arrive");
        await time.DriveAsync(read, TimeSpan.FromSeconds(5));
        await read;

        Assert.Equal(image[5..1005], result);
    }

    [Fact]
    public async Task CallerGivesUp_IsCancelledAndTheConnectionIsUsableAgain()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        server.Fault("GET", ImageFault.HangAfter(10));
        await using var client = await server.ConnectAsync(options: new ImageIoOptions { MaxConnections = 1 }).WithinDeadline();
        using var caller = new CancellationTokenSource();

        var read = client.ReadAsync(0, new byte[1000], caller.Token);
        await Deadline.UntilAsync(() => Task.FromResult(server.Count("GET") == 1), "the read to arrive");
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read).WithinDeadline();
        var result = new byte[10];
        await client.ReadAsync(0, result, CancellationToken.None).WithinDeadline();
        Assert.Equal(server.Image[..10], result);
    }

    [Fact]
    public async Task Refusal_NeverShowsTheTicket()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        await using var client = await server.ConnectAsync().WithinDeadline();
        server.TicketRevoked = true;

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.ReadAsync(0, new byte[10], CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.TicketRefused, failure.Error);
        Assert.Contains("was canceled", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("5c9f0e9a", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposed_RefusesFurtherCalls()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        var client = await server.ConnectAsync().WithinDeadline();
        await client.DisposeAsync();
        await client.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.ReadAsync(0, new byte[10], CancellationToken.None)).WithinDeadline();
    }

    [Fact]
    public async Task DisposedDuringRead_BreaksItOffAndClosesTheConnection()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        server.Fault("GET", ImageFault.HangAfter(10));
        var client = await server.ConnectAsync().WithinDeadline();
        var read = client.ReadAsync(0, new byte[1000], CancellationToken.None);
        await Deadline.UntilAsync(() => Task.FromResult(server.Count("GET") == 1), "the read to arrive");

        await client.DisposeAsync().AsTask().WithinDeadline();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => read).WithinDeadline();
        await Deadline.UntilAsync(() => Task.FromResult(server.OpenConnections == 0), "all connections to be closed");
    }

    [Fact]
    public async Task Disposed_ClosesAllConnectionsBeforeItReturns()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        var client = await server.ConnectAsync().WithinDeadline();
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => client.ReadAsync(0, new byte[100_000], CancellationToken.None))).WithinDeadline();
        Assert.True(server.OpenConnections > 0);

        await client.DisposeAsync().AsTask().WithinDeadline();

        await Deadline.UntilAsync(() => Task.FromResult(server.OpenConnections == 0), "all connections to be closed");
    }

    [Fact]
    public async Task Checksum_IsAskedFor()
    {
        await using var server = await ImageServer.StartAsync(RandomImage());
        await using var client = await server.ConnectAsync().WithinDeadline();

        var checksum = await client.GetChecksumAsync("sha256", 4 * 1024 * 1024, CancellationToken.None).WithinDeadline();

        Assert.Equal(new ImageChecksum("sha256", 4194304, "00ff"), checksum);
        Assert.Equal(1, server.Count("GET /images/5c9f0e9a-ticket/checksum?algorithm=sha256&block_size=4194304"));
    }

    private static byte[] RandomImage()
    {
        var image = new byte[Size];
        new Random(42).NextBytes(image);
        return image;
    }
}
