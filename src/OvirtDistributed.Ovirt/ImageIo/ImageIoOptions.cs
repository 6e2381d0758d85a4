// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>Limits of one image transfer's connections.</summary>
public sealed record ImageIoOptions
{
    /// <summary>Connections for data, at most what the daemon allows. Default 4, as imageio's own client; 1 or 2 where many disks of a host run at once.</summary>
    public int MaxConnections { get; init; } = 4;

    /// <summary>TCP and TLS to one address. Default 10 s; then the proxy is tried.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest time without a byte moving. Default 60 s. There is no limit for a whole read.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest wait for the first byte of the extents: the daemon walks the whole image before it answers. Default 30 minutes.</summary>
    public TimeSpan ExtentsTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Longest wait for a checksum: the daemon reads the whole image. Default 6 hours.</summary>
    public TimeSpan ChecksumTimeout { get; init; } = TimeSpan.FromHours(6);

    /// <summary>How often one read or write may go on over a new connection after it broke off. Default 3.</summary>
    public int MaxResumes { get; init; } = 3;

    /// <summary>Pause before the first resume, doubled for each further one. Default 250 ms.</summary>
    public TimeSpan ResumeDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Idle time after which an OPTIONS request keeps the ticket alive. Default 20 s, a third of the engine's own limit.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(20);

    internal void ThrowIfInvalid()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConnections, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxConnections, 64);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxResumes);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ConnectTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(IdleTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ExtentsTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ChecksumTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(ResumeDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(KeepAliveInterval, TimeSpan.Zero);
    }
}
