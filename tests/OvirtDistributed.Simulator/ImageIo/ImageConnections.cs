// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>
/// The open client connections. Each is closed when it has been idle too long, and when it ends, after its last request's handler has, what it had open
/// for its tickets is freed.
/// </summary>
internal sealed class ImageConnections(ImageIoOptions options)
{
    private readonly ConcurrentDictionary<string, ImageConnection> _connections = new(StringComparer.Ordinal);

    public ImageConnection this[string id] => _connections[id];

    /// <summary>Goes around the HTTP layer of each connection.</summary>
    public ConnectionDelegate Watch(ConnectionDelegate next) => async context =>
    {
        await using var connection = new ImageConnection(context, options);
        _connections[context.ConnectionId] = connection;
        try
        {
            await next(context);
        }
        finally
        {
            _ = _connections.TryRemove(context.ConnectionId, out _);
        }
    };
}

/// <summary>One client connection: its idle clock and the tickets it has used.</summary>
internal sealed class ImageConnection : IAsyncDisposable
{
    private readonly ConnectionContext _context;
    private readonly ITimer _idle;
    private readonly HashSet<LiveTicket> _tickets = [];
    private TimeSpan _limit;

    public ImageConnection(ConnectionContext context, ImageIoOptions options)
    {
        _context = context;
        _limit = options.IdleTimeout;
        _idle = options.TimeProvider.CreateTimer(_ => context.Abort(new ConnectionAbortedException("idle")), null, _limit, Timeout.InfiniteTimeSpan);
    }

    public string Id => _context.ConnectionId;

    /// <summary>A request has come: the idle clock stands still while it is handled.</summary>
    public void Begin() => _ = _idle.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public void End() => _ = _idle.Change(_limit, Timeout.InfiniteTimeSpan);

    /// <summary>A connection that has shown a valid ticket may be idle as long as the ticket says.</summary>
    public void Use(LiveTicket ticket)
    {
        if (_tickets.Add(ticket) && ticket.Ticket.InactivityTimeout > TimeSpan.Zero)
        {
            _limit = ticket.Ticket.InactivityTimeout;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _idle.DisposeAsync();
        foreach (var ticket in _tickets)
        {
            await ticket.DropConnectionAsync(Id);
        }
    }
}
