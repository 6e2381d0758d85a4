// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Trust;

/// <summary>The two authorities a manager needs.</summary>
/// <remarks>
/// The engine's internal authority signs every host certificate (ImageIO, port 54322). The manager's own certificate
/// (443, and the ImageIO proxy on 54323) may have been replaced by one from another authority; hosts never change.
/// </remarks>
public sealed record TlsTrust
{
    /// <summary>PEM of the root(s) that sign the manager's web certificate. Null: the operating system's roots.</summary>
    public string? WebCaPem { get; init; }

    /// <summary>PEM of the engine's internal authority, which signs the hosts. Null: the same as <see cref="WebCaPem"/>.</summary>
    public string? EngineCaPem { get; init; }

    /// <summary>What a host's ImageIO daemon is checked against.</summary>
    public string? HostCaPem => EngineCaPem ?? WebCaPem;

    /// <summary>One authority for both, the usual case of an engine with its own certificates.</summary>
    public static TlsTrust Pinned(string caPem) => new() { WebCaPem = caPem, EngineCaPem = caPem };
}
