// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>A ticket as vdsm gives it to the daemon (fields and meaning of ovirt-imageio's control API).</summary>
public sealed record ImageTicket
{
    public required Guid Uuid { get; init; }

    /// <summary>Size in bytes of what the URL serves.</summary>
    public required long Size { get; init; }

    /// <summary>Where the data is: <c>nbd:unix:/path:exportname=NAME</c>, <c>file:///path</c>, or <c>https://host:port/images/ID</c> on the proxy.</summary>
    public required string Url { get; init; }

    /// <summary>"read", "write" or both.</summary>
    public required IReadOnlyList<string> Ops { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(300);

    public TimeSpan InactivityTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public string? TransferId { get; init; }

    public bool Sparse { get; init; }

    public bool Dirty { get; init; }
}

/// <summary>What the daemon reports of a ticket. <paramref name="Transferred"/> is null for a ticket that may read and write.</summary>
public sealed record TicketState(bool Active, bool Canceled, int Connections, TimeSpan IdleTime, long? Transferred);

/// <summary>One imageio daemon: a host's, or the proxy on the manager.</summary>
public interface IImageIoDaemon : IAsyncDisposable
{
    /// <summary>Port that serves <c>/images/{ticket}</c> over HTTPS.</summary>
    int Port { get; }

    Task AddTicketAsync(ImageTicket ticket, CancellationToken cancellationToken);

    /// <summary>Null when there is no such ticket.</summary>
    Task<TicketState?> GetTicketAsync(Guid ticket, CancellationToken cancellationToken);

    Task ExtendTicketAsync(Guid ticket, TimeSpan timeout, CancellationToken cancellationToken);

    /// <summary>Cancels running operations and removes the ticket. False when it is still busy after the daemon's removal time-out (retry). Idempotent.</summary>
    Task<bool> RemoveTicketAsync(Guid ticket, CancellationToken cancellationToken);
}
