// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Backups;

/// <summary>The way into the guest, for commands that run there.</summary>
internal sealed class GuestOptions
{
    private readonly Option<string> _user = new("--guest-user") { Description = "Run the commands in the VM's guest over SSH, as this user, and not on a worker", HelpName = "USER" };
    private readonly Option<string> _keyFile = new("--guest-key-file") { Description = "File with the private key for the guest, without a passphrase", HelpName = "FILE" };
    private readonly Option<string> _knownHosts = new("--guest-known-hosts")
    {
        Description = "File with the guests' keys as ssh-keyscan writes it; nothing else is trusted",
        HelpName = "FILE",
    };

    private readonly Option<string> _address = new("--guest-address") { Description = "Where the guest is reached (default: as its agent reports to the manager)", HelpName = "ADDRESS" };
    private readonly Option<int> _port = new("--guest-port") { Description = "Port of the guest's SSH server (default: 22)", HelpName = "PORT" };

    /// <param name="command">Gets the options.</param>
    /// <param name="commands">One of these is needed with them.</param>
    public void AddTo(Command command, params Option[] commands)
    {
        Option[] needed = [_user, _keyFile, _knownHosts];
        Option[] all = [.. needed, _address, _port];
        foreach (var option in all)
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            bool IsGiven(Option option) => result.GetResult(option) is { Implicit: false };
            if (Array.Find(all, IsGiven) is not { } given)
            {
                return;
            }

            if (!commands.Any(IsGiven))
            {
                result.AddError($"{given.Name} needs {string.Join(" or ", commands.Select(option => option.Name))}.");
            }

            foreach (var missing in needed.Where(option => !IsGiven(option)))
            {
                result.AddError($"{missing.Name} is needed for commands in the guest.");
            }

            if (IsGiven(_port) && result.GetValue(_port) is < 1 or > 65535)
            {
                result.AddError($"{_port.Name} {result.GetValue(_port)} is out of range: write 1 to 65535.");
            }
        });
    }

    /// <summary>Null where commands run on a worker.</summary>
    /// <exception cref="CliException">A file cannot be read.</exception>
    public async Task<GuestAccess?> FromAsync(CommandContext context, CancellationToken cancellationToken) => context.Value(_user) is not { } user
        ? null
        : new GuestAccess
        {
            User = user,
            Address = context.Text(_address),
            Port = context.Value(_port),
            PrivateKey = await LocalFile.ReadAsync(_keyFile.Name, context.Text(_keyFile), cancellationToken),
            KnownHosts = await LocalFile.ReadAsync(_knownHosts.Name, context.Text(_knownHosts), cancellationToken),
        };
}
