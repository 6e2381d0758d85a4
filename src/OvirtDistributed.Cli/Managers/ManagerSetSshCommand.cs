// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Managers;

internal sealed class ManagerSetSshCommand : ServerCommand
{
    private readonly Argument<string> _manager = new("MANAGER") { HelpName = "MANAGER", Description = "Name or id" };
    private readonly Option<string> _user = new("--user") { Description = "User on the hosts, such as root", HelpName = "USER" };
    private readonly Option<string> _keyFile = new("--key-file") { Description = "File with the private key, without a passphrase", HelpName = "FILE" };
    private readonly Option<string> _passwordFile = new("--password-file") { Description = "Instead of a key: file that holds the user's password (its first line)", HelpName = "FILE" };
    private readonly Option<bool> _passwordStdin = new("--password-stdin") { Description = "Instead of a key: read the password from standard input (its first line)" };
    private readonly Option<string> _knownHosts = new("--known-hosts")
    {
        Description = "File with the hosts' keys as ssh-keyscan writes it; nothing else is trusted",
        HelpName = "FILE",
    };

    private readonly Option<int> _port = new("--port") { Description = "Port of the hosts' SSH servers (default: 22)", HelpName = "PORT" };
    private readonly Option<bool> _sudo = new("--sudo") { Description = "The user is not root and runs /bin/sh by sudo without a password" };
    private readonly Option<string> _storageRoot = new("--storage-root")
    {
        Description = "Where the hosts have their data centers (default: /rhev/data-center)",
        HelpName = "PATH",
    };

    private readonly Option<bool> _remove = new("--remove") { Description = "Forget the access" };

    public ManagerSetSshCommand(CommandRunner runner)
        : base(runner, "set-ssh", "Set how workers reach a manager's hosts over SSH, for transport mode ssh; replaces what was set")
    {
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        Add(_manager);
        Option[] access = [_user, _keyFile, _passwordFile, _passwordStdin, _knownHosts, _port, _sudo, _storageRoot];
        foreach (var option in access.Append(_remove))
        {
            Add(option);
        }

        Validators.Add(result =>
        {
            if (result.GetValue(_remove))
            {
                if (access.Any(option => result.GetResult(option) is { Implicit: false }))
                {
                    result.AddError("--remove takes no other option.");
                }

                return;
            }

            foreach (var needed in new[] { _user, _knownHosts }.Where(option => string.IsNullOrEmpty(result.GetValue(option))))
            {
                result.AddError($"{needed.Name} is needed (or --remove).");
            }

            switch (new[] { result.GetValue(_keyFile) is not null, result.GetValue(_passwordFile) is not null, result.GetValue(_passwordStdin) }.Count(given => given))
            {
                case 0:
                    result.AddError("--key-file is needed, or --password-file or --password-stdin (or --remove).");
                    break;
                case > 1:
                    result.AddError("--key-file, --password-file and --password-stdin exclude each other.");
                    break;
            }

            if (result.GetResult(_port) is { Implicit: false } && result.GetValue(_port) is < 1 or > 65535)
            {
                result.AddError($"--port {result.GetValue(_port)} is out of range: write 1 to 65535.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new SetManagerSshRequest { Manager = context.Value(_manager), Remove = context.Value(_remove) };
        if (!request.Remove)
        {
            request.User = context.Text(_user);
            if (context.Value(_keyFile) is { } keyFile)
            {
                request.PrivateKey = await LocalFile.ReadAsync("--key-file", keyFile, cancellationToken);
            }
            else
            {
                request.Password = await new PasswordSource(context.Host).ReadAsync("", context.Value(_passwordFile), context.Value(_passwordStdin), cancellationToken);
            }

            request.KnownHosts = await LocalFile.ReadAsync("--known-hosts", context.Text(_knownHosts), cancellationToken);
            request.Port = context.Value(_port);
            request.Sudo = context.Value(_sudo);
            request.StorageRoot = context.Text(_storageRoot);
        }

        var response = await server.Managers.SetManagerSshAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
            return ExitCode.Ok;
        }

        context.Output.Line(response.Manager.Ssh is { } ssh
            ? $"Workers reach the hosts of {response.Manager.Name} as {ssh.User} on port {ssh.Port}{(ssh.UsesPassword ? " by password" : "")}{(ssh.Sudo ? " with sudo" : "")}; {ssh.PinnedHosts.Count} host names have a pinned key."
            : $"Workers have no SSH access to the hosts of {response.Manager.Name} any more.");
        foreach (var host in response.HostsWithoutKey)
        {
            context.Output.Line($"No key is pinned for {host}: this host cannot be used.");
        }

        return ExitCode.Ok;
    }
}
