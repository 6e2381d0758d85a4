// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.ImageIo;

public sealed class ImageConnectTests
{
    private static readonly byte[] Image = [1, 2, 3, 4];

    [Fact]
    public async Task HostRefusesConnections_ProxyIsUsed()
    {
        await using var proxy = await ImageServer.StartAsync(Image, "proxy.example");

        await using var client = await ConnectAsync(proxy.Target() with
        {
            Url = TransferUrl.Parse($"https://host1.example:{UnusedPort()}/images/x"),
            ProxyUrl = proxy.Url("proxy.example"),
            ProxyCaPem = proxy.CaPem,
        });

        Assert.Equal(ImageRoute.Proxy, client.Route);
        await AssertReadsAsync(client);
    }

    [Fact]
    public async Task HostCertificateIsNotTrusted_ProxyIsUsed()
    {
        await using var host = await ImageServer.StartAsync([9]);
        await using var proxy = await ImageServer.StartAsync(Image, "proxy.example");

        await using var client = await ConnectAsync(host.Target() with
        {
            HostCaPem = proxy.CaPem,
            ProxyUrl = proxy.Url("proxy.example"),
            ProxyCaPem = proxy.CaPem,
        });

        Assert.Equal(ImageRoute.Proxy, client.Route);
        Assert.Empty(host.Requests);
        await AssertReadsAsync(client);
    }

    [Fact]
    public async Task HostIsRegisteredUnderAnotherName_ProxyIsUsed()
    {
        await using var host = await ImageServer.StartAsync([9], "other.example");
        await using var proxy = await ImageServer.StartAsync(Image, "proxy.example");

        await using var client = await ConnectAsync(host.Target() with { ProxyUrl = proxy.Url("proxy.example"), ProxyCaPem = proxy.CaPem });

        Assert.Equal(ImageRoute.Proxy, client.Route);
        Assert.Empty(host.Requests);
    }

    [Fact]
    public async Task HostAcceptsAndSaysNothing_ProxyIsUsedAfterTheConnectTimeout()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var proxy = await ImageServer.StartAsync(Image, "proxy.example");
        var target = proxy.Target() with
        {
            Url = TransferUrl.Parse($"https://host1.example:{((IPEndPoint)silent.LocalEndpoint).Port}/images/x"),
            ProxyUrl = proxy.Url("proxy.example"),
            ProxyCaPem = proxy.CaPem,
        };

        await using var client = await ConnectAsync(target, new ImageIoOptions { ConnectTimeout = TimeSpan.FromMilliseconds(300) });

        Assert.Equal(ImageRoute.Proxy, client.Route);
    }

    [Fact]
    public async Task HostAnswersThatTheTicketIsGone_ProxyIsNotTried()
    {
        await using var host = await ImageServer.StartAsync([9]);
        await using var proxy = await ImageServer.StartAsync(Image, "proxy.example");
        host.TicketRevoked = true;

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => ConnectAsync(host.Target() with { ProxyUrl = proxy.Url("proxy.example"), ProxyCaPem = proxy.CaPem })).WithinDeadline();

        Assert.Equal(OvirtError.TicketRefused, failure.Error);
        Assert.Empty(proxy.Requests);
    }

    [Fact]
    public async Task NeitherCanBeReached_BothReasonsAreGiven()
    {
        var host = UnusedPort();
        var proxy = UnusedPort();
        var target = new ImageTarget
        {
            Url = TransferUrl.Parse($"https://127.0.0.1:{host}/images/secret-ticket"),
            ProxyUrl = TransferUrl.Parse($"https://127.0.0.1:{proxy}/images/secret-ticket"),
            Access = ImageAccess.Read,
        };

        var failure = await Assert.ThrowsAsync<OvirtException>(() => ConnectAsync(target)).WithinDeadline();

        Assert.Equal(OvirtError.ImageUnreachable, failure.Error);
        Assert.Contains($":{host} ", failure.Message, StringComparison.Ordinal);
        Assert.Contains($":{proxy} ", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-ticket", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoProxyAndUntrusted_SaysUntrusted()
    {
        await using var host = await ImageServer.StartAsync(Image);

        var failure = await Assert.ThrowsAsync<OvirtException>(() => ConnectAsync(host.Target() with { HostCaPem = null })).WithinDeadline();

        Assert.Equal(OvirtError.TlsUntrusted, failure.Error);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(405)]
    public async Task OldDaemonWithoutOptions_HasOneConnectionAndNoFeatures(int status)
    {
        await using var server = await ImageServer.StartAsync([.. Image]);
        server.OptionsStatus = status;

        await using var client = await server.ConnectAsync().WithinDeadline();

        Assert.Equal(new ImageFeatures(), client.Features);
        Assert.Equal(1, client.Connections);
        await AssertReadsAsync(client);
    }

    [Theory]
    [InlineData("""{"features":"all"}""", 1)]
    [InlineData("""{"features":[],"max_readers":0}""", 1)]
    [InlineData("""{"features":["extents"],"max_readers":"8"}""", 1)]
    [InlineData("""{"max_readers":100000,"max_writers":2}""", 4)]
    public async Task OddOptions_AreReadWithCare(string json, int connections)
    {
        await using var server = await ImageServer.StartAsync([.. Image]);
        server.Options = json;

        await using var client = await server.ConnectAsync().WithinDeadline();

        Assert.Equal(connections, client.Connections);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("""{"features":[1]}""")]
    public async Task BrokenOptions_AreInvalidResponse(string json)
    {
        await using var server = await ImageServer.StartAsync([.. Image]);
        server.Options = json;

        var failure = await Assert.ThrowsAsync<OvirtException>(() => server.ConnectAsync()).WithinDeadline();

        Assert.Equal(OvirtError.InvalidResponse, failure.Error);
    }

    [Fact]
    public async Task Idle_TicketIsKeptAliveUntilDisposed()
    {
        var time = new ManualTimeProvider();
        await using var server = await ImageServer.StartAsync([.. Image]);
        await using (var client = await server.ConnectAsync(time: time, options: new ImageIoOptions { KeepAliveInterval = TimeSpan.FromSeconds(20) }).WithinDeadline())
        {
            await Deadline.UntilAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromSeconds(1));
                    return Task.FromResult(server.Count("OPTIONS") >= 4);
                },
                "three keep-alives");
        }

        var sent = server.Count("OPTIONS");
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(sent, server.Count("OPTIONS"));
    }

    [Fact]
    public async Task TicketIsGone_KeepAliveEnds()
    {
        var time = new ManualTimeProvider();
        await using var server = await ImageServer.StartAsync([.. Image]);
        await using var client = await server.ConnectAsync(time: time).WithinDeadline();
        server.TicketRevoked = true;

        await time.WaitForTimersAsync(1, CancellationToken.None).WithinDeadline();
        time.Advance(TimeSpan.FromSeconds(21));
        await Deadline.UntilAsync(() => Task.FromResult(server.Count("OPTIONS") == 2), "the last keep-alive");
        time.Advance(TimeSpan.FromMinutes(10));
        await client.DisposeAsync().AsTask().WithinDeadline();

        Assert.Equal(2, server.Count("OPTIONS"));
    }

    private static async Task AssertReadsAsync(ImageIoClient client)
    {
        var result = new byte[4];
        await client.ReadAsync(0, result, CancellationToken.None).WithinDeadline();
        Assert.Equal(Image, result);
    }

    private static Task<ImageIoClient> ConnectAsync(ImageTarget target, ImageIoOptions? options = null) =>
        ImageIoClient.ConnectAsync(
            target, options ?? new ImageIoOptions(), TimeProvider.System, NullLogger<ImageIoClient>.Instance, CancellationToken.None);

    private static int UnusedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
