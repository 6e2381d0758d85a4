// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>How a host is reached. Holds a private key: never logged.</summary>
internal sealed record HostAccess
{
    /// <summary>As the manager knows it.</summary>
    public required string Host { get; init; }

    public required string Address { get; init; }

    public required int Port { get; init; }

    public required string User { get; init; }

    public required string PrivateKey { get; init; }

    public required string KnownHosts { get; init; }

    public required bool Sudo { get; init; }

    /// <summary>The name its key is pinned under: with the port, as ssh-keyscan writes it, unless that is the usual one.</summary>
    public string KeyName => Port == 22 ? Host : $"[{Host}]:{Port}";

    /// <exception cref="TaskFailureException">A field that reaches a command line cannot be what it is called.</exception>
    public static HostAccess Of(SshDisk disk) => new()
    {
        Host = Word(disk.Host, "host"),
        Address = Word(disk.Address, "address"),
        Port = disk.Port is > 0 and <= 65535 ? disk.Port : throw Bad($"port is {disk.Port}"),
        User = Word(disk.User, "user"),
        PrivateKey = disk.PrivateKey.Length > 0 ? disk.PrivateKey : throw Bad("private_key is empty"),
        KnownHosts = disk.KnownHosts.Length > 0 ? disk.KnownHosts : throw Bad("known_hosts is empty"),
        Sudo = disk.Sudo,
    };

    public override string ToString() => $"HostAccess {User}@{Host}:{Port}";

    private static string Word(string text, string field) =>
        text.Length > 0 && text[0] != '-' && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or ':' or '%')
            ? text
            : throw Bad($"{field} is '{text}'");

    private static TaskFailureException Bad(string what) => new(FailureCode.BadOrder, $"The order's ssh_disk cannot be used: {what}.");
}
