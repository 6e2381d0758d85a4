// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography.X509Certificates;
using OvirtDistributed.Simulator.Faults;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>What an ImageIO daemon is started with. Numbers are the real daemon's defaults.</summary>
public sealed record ImageIoOptions
{
    /// <summary>Host name, or "proxy": for logs.</summary>
    public required string Name { get; init; }

    public IPAddress ListenAddress { get; init; } = IPAddress.Loopback;

    /// <summary>0 takes a free port.</summary>
    public int Port { get; init; }

    /// <summary>Server certificate. The caller disposes it after the daemon.</summary>
    public required X509Certificate2 Certificate { get; init; }

    /// <summary>The CA of the daemons that tickets with an <c>https:</c> URL lead to (PEM); needed on the proxy.</summary>
    public string? UpstreamCaPem { get; init; }

    /// <summary>Connections that may use one ticket: qemu's NBD servers admit eight clients.</summary>
    public int MaxConnections { get; init; } = 8;

    /// <summary>How long the removal of a ticket waits for its running operations.</summary>
    public TimeSpan RemoveTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>After this a connection without a valid ticket is closed.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A daemon of oVirt 4.2 and 4.3: ranges only, no extents, no checksums, and it does not say how many may connect.</summary>
    public bool IsVersion1 { get; init; }

    public FaultSet? Faults { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
