// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Managers;

internal sealed class ManagerAddCommand : ServerCommand
{
    private readonly Argument<string> _name = new("NAME") { Description = "Name of the manager in this installation" };
    private readonly Option<string> _url = new("--url") { Description = "https://HOST/ovirt-engine/api", HelpName = "URL", Required = true };
    private readonly Option<string> _user = new("--user") { Description = "user@profile, such as backup@internal", HelpName = "USER", Required = true };
    private readonly Option<string> _passwordFile = new("--password-file") { Description = "File that holds the password (its first line)", HelpName = "FILE" };
    private readonly Option<bool> _passwordStdin = new("--password-stdin") { Description = "Read the password from standard input (its first line)" };
    private readonly Option<string> _caFile = new("--ca-file") { Description = "PEM file with the manager's CA", HelpName = "FILE" };
    private readonly Option<string> _caFingerprint = new("--ca-fingerprint")
    {
        Description = "SHA-256 fingerprint of the manager's CA: the CA is fetched and must have it",
        HelpName = "HEX",
    };

    private readonly Option<bool> _trust = new("--trust-on-first-use") { Description = "Trust whatever CA the manager presents now, and only that one from then on" };
    private readonly Option<string[]> _hostAddresses = new("--host-address")
    {
        Description = "Address at which workers reach a host: NAME=ADDRESS, NAME as the manager knows it; may be repeated",
        HelpName = "NAME=ADDRESS",
        DefaultValueFactory = _ => [],
    };

    public ManagerAddCommand(CommandRunner runner)
        : base(runner, "add", "Connect a manager. Without a CA its fingerprint is shown for confirmation. The password is asked for when neither option gives it.")
    {
        Add(_name);
        foreach (var option in new Option[] { _url, _user, _passwordFile, _passwordStdin, _caFile, _caFingerprint, _trust, _hostAddresses })
        {
            Add(option);
        }

        Validators.Add(result =>
        {
            if (result.GetValue(_passwordFile) is not null && result.GetValue(_passwordStdin))
            {
                result.AddError("--password-file and --password-stdin exclude each other.");
            }

            if (new[] { result.GetValue(_caFile) is not null, result.GetValue(_caFingerprint) is not null, result.GetValue(_trust) }.Count(given => given) > 1)
            {
                result.AddError("--ca-file, --ca-fingerprint and --trust-on-first-use exclude each other.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var request = new AddManagerRequest
        {
            Name = context.Value(_name),
            Url = context.Text(_url),
            User = context.Text(_user),
            CaFingerprint = context.Text(_caFingerprint),
            TrustOnFirstUse = context.Value(_trust),
        };
        request.HostAddresses.Add(NameValuePairs.Parse("--host-address", context.Value(_hostAddresses)));
        if (context.Value(_caFile) is { } caFile)
        {
            request.CaPem = await LocalFile.ReadAsync("--ca-file", caFile, cancellationToken);
        }

        // Settings are checked before anybody types a password.
        var server = context.Server;
        request.Password = await new PasswordSource(context.Host).ReadAsync(
            $"Password of {request.User}: ", context.Value(_passwordFile), context.Value(_passwordStdin), cancellationToken);

        var response = await server.Managers.AddManagerAsync(request, server.Call(cancellationToken));
        if (response.Manager is null)
        {
            request.CaFingerprint = await FingerprintQuestion.AskAsync(context, request.Url, response.UnconfirmedCaFingerprint, cancellationToken);
            response = await server.Managers.AddManagerAsync(request, server.Call(cancellationToken));
        }

        var manager = response.Manager
            ?? throw CliException.Refused($"The CA of {request.Url} changed between question and answer, now it is {response.UnconfirmedCaFingerprint}. Nothing was stored.");
        if (context.Output.IsJson)
        {
            context.Output.Json(manager);
        }
        else
        {
            context.Output.Line($"Manager {manager.Name} is connected: {manager.Product} {manager.Version}, {manager.Vms} VMs.");
        }

        return ExitCode.Ok;
    }
}
