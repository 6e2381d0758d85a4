// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Security;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Simulator.Storage;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.ImageIo;

/// <summary>A daemon over real disks, and a client that trusts it.</summary>
public sealed class ImageIoSite : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _open = [];
    private readonly List<IDisposable> _owned = [];
    private readonly CertificateAuthority _authority = new(TimeProvider.System);
    private readonly int _maxConnections;
    private readonly TimeProvider _time;

    public ImageIoSite(TimeProvider? time = null, int maxConnections = 8)
    {
        _time = time ?? TimeProvider.System;
        _maxConnections = maxConnections;
    }

    public StorageSite Disks { get; } = new();

    public FaultSet Faults { get; } = new();

    public ImageIoDaemon Daemon { get; private set; } = null!;

    public ImageIoDaemon Proxy { get; private set; } = null!;

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public async Task StartAsync()
    {
        Daemon = await ImageIoDaemon.StartAsync(Options("host", null), Token).WithinDeadline();
        Proxy = await ImageIoDaemon.StartAsync(Options("proxy", _authority.Pem), Token).WithinDeadline();
    }

    /// <summary>Opens an export, adds a ticket for it, and returns the ticket's URL.</summary>
    public async Task<(Uri Url, ImageTicket Ticket)> TicketAsync(ExportSpec spec, params string[] ops)
    {
        var export = await Disks.Storage.OpenExportAsync(spec, Token).WithinDeadline();
        _open.Add(export);
        return await AddAsync(new ImageTicket
        {
            Uuid = Guid.NewGuid(),
            Size = export.SizeBytes,
            Url = export.Url,
            Ops = ops,
            TransferId = "transfer-1",
            Sparse = true,
            Dirty = export.HasDirtyExtents,
        });
    }

    public async Task<(Uri Url, ImageTicket Ticket)> AddAsync(ImageTicket ticket)
    {
        await Daemon.AddTicketAsync(ticket, Token).WithinDeadline();
        return (UrlOf(Daemon, ticket.Uuid), ticket);
    }

    /// <summary>The same ticket through the proxy.</summary>
    public async Task<Uri> ProxyAsync(ImageTicket ticket)
    {
        await Proxy.AddTicketAsync(ticket with { Url = UrlOf(Daemon, ticket.Uuid).ToString() }, Token).WithinDeadline();
        return UrlOf(Proxy, ticket.Uuid);
    }

    public Task<(Uri Url, ImageTicket Ticket)> ReadTicketAsync(Guid disk) =>
        TicketAsync(new ExportSpec(ExportKind.Chain, disk, null, null, Writable: false), "read");

    public Task<(Uri Url, ImageTicket Ticket)> WriteTicketAsync(Guid disk) =>
        TicketAsync(new ExportSpec(ExportKind.Chain, disk, null, null, Writable: true), "write");

    /// <summary>A client with connections of its own.</summary>
    public HttpClient NewClient()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(_authority.Pem);
        var handler = new SocketsHttpHandler { UseProxy = false, SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy } };
        var client = new HttpClient(handler) { DefaultRequestVersion = HttpVersion.Version11, Timeout = Deadline.Default };
        _owned.Add(client);
        return client;
    }

    public static HttpRequestMessage Get(Uri url, long first, long last)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Range = new RangeHeaderValue(first, last);
        return request;
    }

    public static HttpRequestMessage Put(Uri url, long offset, byte[] data)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, url) { Content = new ByteArrayContent(data) };
        request.Content.Headers.ContentRange = new ContentRangeHeaderValue(offset, offset + data.Length - 1);
        return request;
    }

    public static HttpRequestMessage Patch(Uri url, string json) =>
        new(HttpMethod.Patch, url) { Content = new StringContent(json, Encoding.UTF8, "application/json") };

    public static async Task<(HttpResponseMessage Reply, string Text)> SendAsync(HttpClient client, HttpRequestMessage request)
    {
        var reply = await client.SendAsync(request, Token).WithinDeadline();
        return (reply, await reply.Content.ReadAsStringAsync(Token).WithinDeadline());
    }

    public static async Task<JsonElement> JsonAsync(HttpClient client, Uri url)
    {
        var (reply, text) = await SendAsync(client, new HttpRequestMessage(HttpMethod.Get, url));
        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    /// <summary>Closes what the tickets serve, as the engine does after a transfer.</summary>
    public async Task CloseExportsAsync()
    {
        foreach (var open in _open)
        {
            await open.DisposeAsync();
        }

        _open.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        _owned.ForEach(o => o.Dispose());
        await Proxy.DisposeAsync();
        await Daemon.DisposeAsync();
        await CloseExportsAsync();
        await Disks.DisposeAsync();
        _authority.Dispose();
    }

    private static Uri UrlOf(ImageIoDaemon daemon, Guid ticket) => new($"https://127.0.0.1:{daemon.Port}/images/{ticket}");

    private ImageIoOptions Options(string name, string? upstream) => new()
    {
        Name = name,
        Certificate = _authority.Issue(name, ["127.0.0.1"]),
        UpstreamCaPem = upstream,
        Faults = Faults,
        MaxConnections = _maxConnections,
        RemoveTimeout = TimeSpan.FromSeconds(10),
        TimeProvider = _time,
    };
}
