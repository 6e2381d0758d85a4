// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>An ImageIO daemon of the simulator's own: HTTP/1.1 over TLS, one backend for each connection and ticket.</summary>
public sealed class ImageIoDaemon : IImageIoDaemon
{
    private readonly ImageIoOptions _options;
    private readonly WebApplication _application;
    private readonly ConcurrentDictionary<Guid, LiveTicket> _tickets = new();

    private ImageIoDaemon(ImageIoOptions options)
    {
        _options = options;
        var connections = new ImageConnections(options);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options, connections));
        // SlimBuilder leaves HTTPS out; this brings it back without the rest.
        builder.WebHost.UseKestrelHttpsConfiguration();
        _application = builder.Build();
        var handler = new ImageRequestHandler(options, connections, FindTicket);
        _application.Run(handler.HandleAsync);
    }

    public int Port { get; private set; }

    /// <summary>Starts the daemon and returns when it listens.</summary>
    public static async Task<ImageIoDaemon> StartAsync(ImageIoOptions options, CancellationToken cancellationToken)
    {
        var daemon = new ImageIoDaemon(options);
        await daemon._application.StartAsync(cancellationToken);
        var addresses = daemon._application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        daemon.Port = new Uri(addresses.Addresses.First()).Port;
        return daemon;
    }

    public Task AddTicketAsync(ImageTicket ticket, CancellationToken cancellationToken)
    {
        _tickets[ticket.Uuid] = new LiveTicket(ticket, _options.MaxConnections, _options.TimeProvider);
        return Task.CompletedTask;
    }

    public Task<TicketState?> GetTicketAsync(Guid ticket, CancellationToken cancellationToken) =>
        Task.FromResult(_tickets.TryGetValue(ticket, out var live) ? live.State : null);

    public Task ExtendTicketAsync(Guid ticket, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_tickets.TryGetValue(ticket, out var live))
        {
            live.Extend(timeout);
        }

        return Task.CompletedTask;
    }

    public async Task<bool> RemoveTicketAsync(Guid ticket, CancellationToken cancellationToken)
    {
        if (!_tickets.TryGetValue(ticket, out var live))
        {
            return true;
        }

        if (!await live.CancelAsync(_options.RemoveTimeout, cancellationToken))
        {
            return false;
        }

        if (_tickets.TryRemove(ticket, out _))
        {
            live.Dispose();
        }

        return true;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var ticket in _tickets.Keys)
        {
            _ = await RemoveTicketAsync(ticket, CancellationToken.None);
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await _application.StopAsync(limit.Token);
        await _application.DisposeAsync();
    }

    /// <exception cref="ImageIoRefusal">403: there is no such ticket.</exception>
    private LiveTicket FindTicket(string id) =>
        Guid.TryParse(id, out var ticket) && _tickets.TryGetValue(ticket, out var live)
            ? live
            : throw ImageIoRefusal.Forbidden($"You are not allowed to access this resource: No such ticket {id}");

    private static void Configure(KestrelServerOptions kestrel, ImageIoOptions options, ImageConnections connections)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxRequestLineSize = 4096;
        // Idle connections are closed by their own clock, which depends on the ticket they use.
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromDays(1);
        kestrel.Limits.MaxRequestBufferSize = 4 << 20;
        kestrel.Limits.MaxResponseBufferSize = 2 << 20;
        kestrel.Listen(options.ListenAddress, options.Port, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            _ = listen.UseHttps(options.Certificate);
            _ = listen.Use(connections.Watch);
        });
    }
}
