// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using OvirtDistributed.Simulator.ImageIo;

namespace OvirtDistributed.Tests.Simulator.Api;

/// <summary>A daemon without a network: it keeps tickets, and the test plays the client.</summary>
internal sealed class FakeDaemon : IImageIoDaemon
{
    private readonly ConcurrentDictionary<Guid, TicketState> _states = new();

    public ConcurrentDictionary<Guid, ImageTicket> Tickets { get; } = new();

    /// <summary>Set to refuse tickets.</summary>
    public bool RefusesTickets { get; set; }

    /// <summary>Set while a client keeps its connection busy: tickets cannot be removed.</summary>
    public bool Busy { get; set; }

    /// <summary>Set while the host cannot be reached: tickets stay where they are.</summary>
    public bool Gone { get; set; }

    public int Port => 54322;

    public Task AddTicketAsync(ImageTicket ticket, CancellationToken cancellationToken)
    {
        if (RefusesTickets)
        {
            throw new IOException("The daemon is not reachable.");
        }

        Tickets[ticket.Uuid] = ticket;
        _states[ticket.Uuid] = new TicketState(false, false, 0, TimeSpan.Zero, 0);
        return Task.CompletedTask;
    }

    public Task<TicketState?> GetTicketAsync(Guid ticket, CancellationToken cancellationToken) =>
        Task.FromResult(_states.GetValueOrDefault(ticket));

    public Task ExtendTicketAsync(Guid ticket, TimeSpan timeout, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<bool> RemoveTicketAsync(Guid ticket, CancellationToken cancellationToken)
    {
        if (Gone)
        {
            throw new IOException("The daemon is not reachable.");
        }

        if (Busy)
        {
            return Task.FromResult(false);
        }

        Forget(ticket);
        return Task.FromResult(true);
    }

    /// <summary>What the daemon reports from now on.</summary>
    public void Report(Guid ticket, TicketState state) => _states[ticket] = state;

    /// <summary>The ticket is lost, as after a restart of the daemon.</summary>
    public void Forget(Guid ticket)
    {
        Tickets.TryRemove(ticket, out _);
        _states.TryRemove(ticket, out _);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
