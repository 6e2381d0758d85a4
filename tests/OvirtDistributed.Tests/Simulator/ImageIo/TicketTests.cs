// SPDX-License-Identifier: Apache-2.0

using System.Net;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.ImageIo;

public sealed class TicketTests
{
    [Fact]
    public async Task TicketExpires_AccessIsForbiddenUntilItIsExtended()
    {
        var time = new ManualTimeProvider();
        await using var site = new ImageIoSite(time);
        await site.StartAsync();
        var (url, ticket) = await site.ReadTicketAsync(await site.Disks.NewDiskAsync());
        var client = site.NewClient();

        time.Advance(ticket.Timeout);
        var (expired, text) = await ImageIoSite.SendAsync(client, ImageIoSite.Get(url, 0, 9));
        Assert.Equal(HttpStatusCode.Forbidden, expired.StatusCode);
        Assert.Equal("You are not allowed to access this resource: Transfer=transfer-1 expired\n", text);

        await site.Daemon.ExtendTicketAsync(ticket.Uuid, TimeSpan.FromSeconds(10), ImageIoSite.Token);
        Assert.Equal(HttpStatusCode.PartialContent, (await ImageIoSite.SendAsync(client, ImageIoSite.Get(url, 0, 9))).Reply.StatusCode);

        // The operation renews the ticket for its whole time when it ends, which may be after its last byte has arrived here.
        await EndedAsync(site, ticket.Uuid);
        time.Advance(ticket.Timeout - TimeSpan.FromSeconds(1));
        Assert.Equal(ticket.Timeout - TimeSpan.FromSeconds(1), (await site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token))!.IdleTime);
        Assert.Equal(HttpStatusCode.OK, (await ImageIoSite.SendAsync(client, new HttpRequestMessage(HttpMethod.Options, url))).Reply.StatusCode);
        Assert.Equal(TimeSpan.Zero, (await site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token))!.IdleTime);
    }

    [Fact]
    public async Task ConnectionIdleBeyondItsTicketsLimit_IsClosed()
    {
        var time = new ManualTimeProvider();
        await using var site = new ImageIoSite(time);
        await site.StartAsync();
        var (url, ticket) = await site.ReadTicketAsync(await site.Disks.NewDiskAsync());
        await ImageIoSite.SendAsync(site.NewClient(), ImageIoSite.Get(url, 0, 9));
        Assert.Equal(1, (await site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token))!.Connections);

        await EndedAsync(site, ticket.Uuid);
        time.Advance(ticket.InactivityTimeout + TimeSpan.FromSeconds(1));
        await Deadline.UntilAsync(
            async () => (await site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token))!.Connections == 0, "the idle connection is closed");
    }

    [Fact]
    public async Task TicketIsRemovedDuringADownload_TheDownloadBreaksOffAndTheTicketIsGone()
    {
        await using var site = new ImageIoSite();
        await site.StartAsync();
        var (url, ticket) = await site.ReadTicketAsync(await site.Disks.NewDiskAsync(sizeBytes: 256L << 20));
        using var reply = await site.NewClient().SendAsync(
            new HttpRequestMessage(HttpMethod.Get, url), HttpCompletionOption.ResponseHeadersRead, ImageIoSite.Token).WithinDeadline();
        Assert.True((await site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token))!.Active);

        Assert.True(await site.Daemon.RemoveTicketAsync(ticket.Uuid, ImageIoSite.Token).WithinDeadline());

        Assert.Null(await site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token));
        await Assert.ThrowsAnyAsync<Exception>(() => reply.Content.ReadAsByteArrayAsync(ImageIoSite.Token).WithinDeadline());
        Assert.Equal(HttpStatusCode.Forbidden, (await ImageIoSite.SendAsync(site.NewClient(), ImageIoSite.Get(url, 0, 9))).Reply.StatusCode);
    }

    [Fact]
    public async Task Transferred_CountsEachByteOnce()
    {
        await using var site = new ImageIoSite();
        await site.StartAsync();
        var (url, ticket) = await site.ReadTicketAsync(await site.Disks.NewDiskAsync());
        var client = site.NewClient();
        foreach (var (first, last) in new[] { (0, 99), (50, 149), (1000, 1099), (0, 9) })
        {
            await ImageIoSite.SendAsync(client, ImageIoSite.Get(url, first, last));
        }

        Assert.Equal(250, (await site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token))!.Transferred);
        var (_, both) = await site.AddAsync(ticket with { Uuid = Guid.NewGuid(), Ops = ["read", "write"] });
        Assert.Null((await site.Daemon.GetTicketAsync(both.Uuid, ImageIoSite.Token))!.Transferred);
    }

    [Fact]
    public async Task MoreConnectionsThanAllowed_WaitForAFreePlace()
    {
        await using var site = new ImageIoSite(maxConnections: 1);
        await site.StartAsync();
        var (url, _) = await site.ReadTicketAsync(await site.Disks.NewDiskAsync());
        var first = site.NewClient();
        await ImageIoSite.SendAsync(first, ImageIoSite.Get(url, 0, 9));

        var second = ImageIoSite.SendAsync(site.NewClient(), ImageIoSite.Get(url, 0, 9));
        await ImageIoSite.SendAsync(first, ImageIoSite.Get(url, 0, 9));
        Assert.False(second.IsCompleted);
        first.Dispose();
        Assert.Equal(HttpStatusCode.PartialContent, (await second.WithinDeadline()).Reply.StatusCode);
    }

    [Fact]
    public async Task Faults_StrikeOnceAndAreCounted()
    {
        await using var site = new ImageIoSite();
        await site.StartAsync();
        var (url, _) = await site.ReadTicketAsync(await site.Disks.NewDiskAsync());
        var client = site.NewClient();

        var cut = site.Faults.Arm(new FaultRule { Name = "cut", Path = "/images/*", Method = "GET", DropAfterBytes = 100_000 });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetByteArrayAsync(url, ImageIoSite.Token).WithinDeadline());
        Assert.True(cut.Exercised);

        var gone = site.Faults.Arm(new FaultRule { Name = "gone", Path = "/images/*/extents", DropConnection = true });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetByteArrayAsync(new Uri(url + "/extents"), ImageIoSite.Token).WithinDeadline());
        Assert.True(gone.Exercised);

        var broken = site.Faults.Arm(new FaultRule { Name = "broken", Path = "/images/**", Status = 500, Skip = 1 });
        Assert.Equal(HttpStatusCode.PartialContent, (await ImageIoSite.SendAsync(client, ImageIoSite.Get(url, 0, 9))).Reply.StatusCode);
        Assert.Equal(HttpStatusCode.InternalServerError, (await ImageIoSite.SendAsync(client, ImageIoSite.Get(url, 0, 9))).Reply.StatusCode);
        Assert.True(broken.Exercised);
        Assert.Equal(HttpStatusCode.PartialContent, (await ImageIoSite.SendAsync(client, ImageIoSite.Get(url, 0, 9))).Reply.StatusCode);
    }

    private static Task EndedAsync(ImageIoSite site, Guid ticket) => Deadline.UntilAsync(
        async () => !(await site.Daemon.GetTicketAsync(ticket, ImageIoSite.Token))!.Active, "the last operation of the ticket has ended");
}
