// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Ssh;

/// <summary>How a machine is reached over SSH. Holds a private key or a password: never logged.</summary>
internal sealed record SshAccess
{
    private const int UsualPort = 22;

    /// <summary>As the manager or the operator calls it.</summary>
    public required string Name { get; init; }

    /// <summary>Where it is reached.</summary>
    public required string Address { get; init; }

    public required int Port { get; init; }

    public required string User { get; init; }

    /// <summary>Without a passphrase; empty where a password lets in.</summary>
    public string PrivateKey { get; init; } = "";

    /// <summary>Empty where a key lets in.</summary>
    public string Password { get; init; } = "";

    /// <summary>Lines of a known_hosts file; nothing else is trusted.</summary>
    public required string KnownHosts { get; init; }

    /// <summary>For messages.</summary>
    public string Shown => Name == Address ? Name : $"{Name} ({Address})";

    /// <summary>The name its key is pinned under: with the port, as ssh-keyscan writes it, unless that is the usual one.</summary>
    public string KeyName => Port == UsualPort ? Name : $"[{Name}]:{Port}";

    /// <summary>This, if every field that reaches a command line can be what it is called.</summary>
    /// <param name="order">What part of the order it is, for the message.</param>
    /// <exception cref="TaskFailureException">A field cannot.</exception>
    public SshAccess Checked(string order)
    {
        RequireWord(order, Name, "host");
        RequireWord(order, Address, "address");
        RequireWord(order, User, "user");
        var problem = this switch
        {
            { Port: <= 0 or > 65535 } => $"port is {Port}",
            { PrivateKey.Length: 0, Password.Length: 0 } => "private_key and password are empty",
            { PrivateKey.Length: > 0, Password.Length: > 0 } => "private_key and password are both set",
            { KnownHosts.Length: 0 } => "known_hosts is empty",
            _ => null,
        };
        return problem is null ? this : throw Bad(order, problem);
    }

    public override string ToString() => $"SshAccess {User}@{Name}:{Port}";

    private static void RequireWord(string order, string text, string field)
    {
        if (text.Length == 0 || text[0] == '-' || !text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or ':' or '%'))
        {
            throw Bad(order, $"{field} is '{text}'");
        }
    }

    private static TaskFailureException Bad(string order, string what) => new(FailureCode.BadOrder, $"The order's {order} cannot be used: {what}.");
}
