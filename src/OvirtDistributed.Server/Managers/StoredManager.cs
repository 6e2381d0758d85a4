// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers.Ssh;

namespace OvirtDistributed.Server.Managers;

/// <summary>A manager as the database keeps it.</summary>
internal sealed class StoredManager
{
    public required Guid Id { get; init; }

    public required string Name { get; set; }

    /// <summary>https://HOST/ovirt-engine/api.</summary>
    public required string Url { get; set; }

    public required string UserName { get; set; }

    /// <summary>AES-256-GCM under the key file of the data directory; bound to the manager's id.</summary>
    public required byte[] SealedPassword { get; set; }

    /// <summary>Trust anchor of the manager's web certificate (443, 54323).</summary>
    public required string CaPem { get; set; }

    /// <summary>The engine's own CA, which signs every host (54322).</summary>
    public required string EngineCaPem { get; set; }

    public required string CaFingerprint { get; set; }

    public string Product { get; set; } = "";

    public string ProductVersion { get; set; } = "";

    public ManagerStatus Status { get; set; } = ManagerStatus.Connected;

    public string Problem { get; set; } = "";

    /// <summary>Host name as the engine knows it → address that workers reach.</summary>
    public IReadOnlyDictionary<string, string> HostAddresses { get; set; } = new Dictionary<string, string>();

    /// <summary>How workers reach its hosts; null while that is not set up.</summary>
    public SshSettings? Ssh { get; set; }

    /// <summary>The private key for that, sealed like the password.</summary>
    public byte[]? SealedSshKey { get; set; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? InventoryRead { get; set; }

    public uint Version { get; set; }
}

internal enum ManagerStatus
{
    Connected,
    Unreachable,
    Unauthorized,
}
