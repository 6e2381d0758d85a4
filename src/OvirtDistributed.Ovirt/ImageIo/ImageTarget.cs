// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

public enum ImageAccess
{
    Read,
    Write,
}

/// <summary>What a worker is told to reach an image. The URLs are credentials.</summary>
public sealed record ImageTarget
{
    /// <summary>On the host. Null where the engine gave none.</summary>
    public TransferUrl? Url { get; init; }

    /// <summary>On the manager, used when the host cannot be reached.</summary>
    public TransferUrl? ProxyUrl { get; init; }

    public required ImageAccess Access { get; init; }

    /// <summary>Root(s) the host's certificate is checked against; null for the operating system's.</summary>
    public string? HostCaPem { get; init; }

    /// <summary>Root(s) the proxy's certificate is checked against; null for the operating system's.</summary>
    public string? ProxyCaPem { get; init; }

    /// <summary>Host name to address (name or IP, no port) to dial instead. The certificate is still checked against the name.</summary>
    public IReadOnlyDictionary<string, string> HostAddresses { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
