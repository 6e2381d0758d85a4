// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Managers.Ssh;

/// <summary>How workers reach a manager's hosts over SSH, without the secret.</summary>
internal sealed record SshSettings
{
    public const int UsualPort = 22;

    /// <summary>Where hosts have their data centers.</summary>
    public const string UsualStorageRoot = "/rhev/data-center";

    public required string User { get; init; }

    public int Port { get; init; } = UsualPort;

    public bool Sudo { get; init; }

    /// <summary>The sealed secret is a password and no private key.</summary>
    public bool UsesPassword { get; init; }

    public string StorageRoot { get; init; } = UsualStorageRoot;

    /// <summary>Lines of a known_hosts file.</summary>
    public required string KnownHosts { get; init; }

    /// <summary>The name under which a host's key is pinned.</summary>
    /// <param name="host">As the manager knows it.</param>
    public string KeyName(string host) => Port == UsualPort ? host : $"[{host}]:{Port}";
}
