// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers.Ssh;

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>How workers get into a VM's guest over SSH, without the key in the clear.</summary>
internal sealed record GuestAccess
{
    public required string User { get; init; }

    /// <summary>As an operator gave it; empty where the manager is asked.</summary>
    public string Address { get; init; } = "";

    public int Port { get; init; } = SshSettings.UsualPort;

    /// <summary>Lines of a known_hosts file.</summary>
    public required string KnownHosts { get; init; }

    /// <summary>Sealed for the job; null before there is one and once it has ended.</summary>
    public byte[]? SealedKey { get; init; }

    /// <summary>What the guest's agent reported, once that was needed.</summary>
    public string ReportedAddress { get; init; } = "";

    /// <summary>Where workers go; empty while it is not known.</summary>
    public string KnownAddress() => Address.Length > 0 ? Address : ReportedAddress;

    /// <summary>The name under which a guest's key is pinned.</summary>
    public string KeyName(string address) => Port == SshSettings.UsualPort ? address : $"[{address}]:{Port}";

    /// <summary>For people, as the end of what ran there.</summary>
    public string Where() => KnownAddress() is { Length: > 0 } address ? $"in the guest {address} as {User}" : $"in the guest as {User}";
}
