// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

internal sealed class RestoreVmCommand : ServerCommand
{
    private static readonly Dictionary<string, NicMode> NicModes = new()
    {
        ["new-mac"] = NicMode.NewMac,
        ["keep-mac"] = NicMode.KeepMac,
        ["disconnected"] = NicMode.Disconnected,
        ["none"] = NicMode.None,
    };

    private readonly Argument<string> _point = new("POINT") { HelpName = "POINT", Description = "Id of the restore point, or its first characters" };
    private readonly Option<string> _name = new("--name") { Description = "Name of the new VM", HelpName = "NAME", Required = true };
    private readonly Option<string> _manager = new("--manager") { Description = "Manager to restore to; default: the restore point's", HelpName = "MANAGER" };
    private readonly Option<string> _cluster = new("--cluster") { Description = "Cluster to restore to; default: the restore point's", HelpName = "CLUSTER" };
    private readonly Option<string> _storageDomain = new("--storage-domain") { Description = "Storage domain of all disks; default: each disk's own", HelpName = "DOMAIN" };
    private readonly Option<string> _format = new("--format") { Description = "cow or raw; default: as it was", HelpName = "FORMAT" };
    private readonly Option<string> _allocation = new("--allocation") { Description = "sparse or preallocated; default: as it was", HelpName = "POLICY" };
    private readonly Option<string> _mode = new("--mode") { Description = "Transport mode: image-transfer (default), disk-attachment to the VM of a worker, or ssh through a host", HelpName = "MODE" };
    private readonly Option<string> _nics = new("--nics")
    {
        Description = "new-mac (default), keep-mac (refused when one is in use), disconnected (unplugged, new MAC) or none",
        HelpName = "MODE",
    };

    private readonly Option<string[]> _networks = new("--network")
    {
        Description = "Network of the restore point = vNIC profile of the target; may be repeated",
        HelpName = "NETWORK=PROFILE",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _start = new("--start") { Description = "Start the VM when it is restored" };
    private readonly Option<bool> _noVerify = new("--no-verify") { Description = "Do not compare checksums after writing" };
    private readonly Option<bool> _wait = new("--wait") { Description = "Wait for the job and end with its outcome" };
    private readonly Option<string> _requestId = RequestId.NewOption();

    public RestoreVmCommand(CommandRunner runner)
        : base(runner, "vm", "Restore a whole VM as a new VM")
    {
        _format.AcceptOnlyFromAmong("cow", "raw");
        _mode.AcceptOnlyFromAmong("image-transfer", "disk-attachment", "ssh");
        _allocation.AcceptOnlyFromAmong("sparse", "preallocated");
        _nics.AcceptOnlyFromAmong([.. NicModes.Keys]);
        _point.CompletionSources.Add(runner.Suggestions.Points);
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        Add(_point);
        foreach (var option in new Option[]
        {
            _name, _manager, _cluster, _storageDomain, _format, _allocation, _mode, _nics, _networks, _start, _noVerify, _wait, _requestId,
        })
        {
            Add(option);
        }
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new RestoreVmRequest
        {
            Point = context.Value(_point),
            Name = context.Text(_name),
            Manager = context.Text(_manager),
            Cluster = context.Text(_cluster),
            StorageDomain = context.Text(_storageDomain),
            Format = context.Text(_format),
            Allocation = context.Text(_allocation),
            TransportMode = context.Text(_mode),
            Nics = NicModes.GetValueOrDefault(context.Text(_nics)),
            Start = context.Value(_start),
            NoVerify = context.Value(_noVerify),
            RequestId = RequestId.From(context, _requestId),
        };
        request.Networks.Add(NameValuePairs.Parse("--network", context.Value(_networks)));
        var response = await RepeatedCall.RunAsync(
            token => server.Jobs.RestoreVmAsync(request, server.Call(token)).ResponseAsync, context.Time, cancellationToken);
        return await StartedJobs.FinishAsync(context, [response.Job], context.Value(_wait), cancellationToken);
    }
}
