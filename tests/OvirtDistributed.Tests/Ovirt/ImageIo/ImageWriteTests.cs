// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.ImageIo;

public sealed class ImageWriteTests
{
    private const string Put = "PUT /images/5c9f0e9a-ticket?flush=n";
    private const string Patch = "PATCH /images/5c9f0e9a-ticket";

    [Fact]
    public async Task WritesAndZeroes_LandWhereTheyShouldAndAreFlushedOnEachConnection()
    {
        var data = new byte[1_500_000];
        new Random(7).NextBytes(data);
        await using var server = await ImageServer.StartAsync(Enumerable.Repeat((byte)9, 2_000_000).ToArray());
        await using var client = await server.ConnectAsync(ImageAccess.Write).WithinDeadline();

        await Task.WhenAll(Enumerable.Range(0, 15).Select(index =>
            client.WriteAsync(100 + (index * 100_000), data.AsMemory(index * 100_000, 100_000), CancellationToken.None))).WithinDeadline();
        await client.ZeroAsync(1_600_000, 400_000, CancellationToken.None).WithinDeadline();
        await client.FlushAsync(CancellationToken.None).WithinDeadline();

        Assert.Equal(data, server.Image[100..1_500_100]);
        Assert.All(server.Image[..100], value => Assert.Equal(9, value));
        Assert.All(server.Image[1_600_000..], value => Assert.Equal(0, value));
        Assert.Equal(15, server.Count(Put));
        // One zero, and a flush for each connection that wrote.
        Assert.InRange(server.Count(Patch) - 1, 1, client.Connections);

        var flushed = server.Count(Patch);
        await client.FlushAsync(CancellationToken.None).WithinDeadline();
        Assert.Equal(flushed, server.Count(Patch));
    }

    [Fact]
    public async Task LargeZero_IsCutInPieces()
    {
        await using var server = await ImageServer.StartAsync([]);
        server.Fault("PATCH", ImageFault.Answer(200), ImageFault.Answer(200), ImageFault.Answer(200));
        await using var client = await server.ConnectAsync(ImageAccess.Write).WithinDeadline();

        await client.ZeroAsync(0, (2L * 128 * 1024 * 1024) + 1, CancellationToken.None).WithinDeadline();

        Assert.True(server.FaultsUsed);
        Assert.Equal(3, server.Count(Patch));
    }

    [Fact]
    public async Task ConnectionBreaksDuringWrite_IsSentAgain()
    {
        await using var server = await ImageServer.StartAsync(new byte[5000]);
        server.Fault("PUT", ImageFault.Drop, ImageFault.Drop);
        await using var client = await server.ConnectAsync(ImageAccess.Write).WithinDeadline();

        await client.WriteAsync(1000, Enumerable.Repeat((byte)3, 1000).ToArray(), CancellationToken.None).WithinDeadline();

        Assert.Equal(3000, server.Image.Sum(value => value));
        Assert.Equal(3, server.Count(Put));
    }

    [Theory]
    [InlineData(500, OvirtError.ImageFailed)]
    [InlineData(416, OvirtError.RangeRefused)]
    [InlineData(403, OvirtError.TicketRefused)]
    public async Task DaemonRefusesAWrite_IsReportedAndNotRepeated(int status, OvirtError expected)
    {
        await using var server = await ImageServer.StartAsync(new byte[5000]);
        server.Fault("PUT", ImageFault.Answer(status));
        await using var client = await server.ConnectAsync(ImageAccess.Write).WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.WriteAsync(0, new byte[1000], CancellationToken.None)).WithinDeadline();

        Assert.Equal(expected, failure.Error);
        Assert.Equal(1, server.Count(Put));
    }

    [Fact]
    public async Task TicketIsRevokedDuringALargeWrite_IsRefusedAndNotResumedForEver()
    {
        await using var server = await ImageServer.StartAsync(new byte[64 * 1024 * 1024]);
        await using var client = await server.ConnectAsync(ImageAccess.Write).WithinDeadline();
        server.TicketRevoked = true;

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.WriteAsync(0, new byte[server.Image.Length], CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.TicketRefused, failure.Error);
    }

    [Fact]
    public async Task ReadOnlyTicket_RefusesZeroBeforeAskingTheDaemon()
    {
        await using var server = await ImageServer.StartAsync(new byte[5000]);
        server.Options = """{"features":["checksum","extents"],"max_readers":8,"max_writers":8}""";
        await using var client = await server.ConnectAsync(ImageAccess.Write).WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.ZeroAsync(0, 100, CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.Unsupported, failure.Error);
        Assert.Equal(0, server.Count(Patch));
    }

    [Fact]
    public async Task SlowWriteStalls_IsReportedOnTheInjectedClock()
    {
        var time = new ManualTimeProvider();
        await using var server = await ImageServer.StartAsync(new byte[5000]);
        server.Fault("PUT", ImageFault.Hang);
        await using var client = await server.ConnectAsync(
            ImageAccess.Write, new ImageIoOptions { MaxResumes = 0, KeepAliveInterval = TimeSpan.FromHours(9) }, time).WithinDeadline();

        var write = client.WriteAsync(0, new byte[1000], CancellationToken.None);
        await Deadline.UntilAsync(() => Task.FromResult(server.Count(Put) == 1), "the write to arrive");
        await time.DriveAsync(write, TimeSpan.FromSeconds(5));

        Assert.Equal(OvirtError.Stalled, (await Assert.ThrowsAsync<OvirtException>(() => write)).Error);
    }
}
