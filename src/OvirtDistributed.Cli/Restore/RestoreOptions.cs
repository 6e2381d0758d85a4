// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Parsing;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

/// <summary>What a restore of a whole VM is asked, for the command that makes it and the one that plans it.</summary>
internal sealed class RestoreOptions
{
    private static readonly Dictionary<string, NicMode> NicModes = new()
    {
        ["new-mac"] = NicMode.NewMac,
        ["keep-mac"] = NicMode.KeepMac,
        ["disconnected"] = NicMode.Disconnected,
        ["none"] = NicMode.None,
    };

    private readonly Argument<string?> _point;
    private readonly Option<string> _name = new("--name") { Description = "Name of the new VM", HelpName = "NAME" };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Instead of a new VM: put the disks of the point in the place of the VM's own, which are deleted when all is done" };
    private readonly Option<bool> _powerOff = new("--power-off") { Description = "With --overwrite: power the VM off where it runs" };
    private readonly Option<bool> _noSafetyPoint = new("--no-safety-point") { Description = "With --overwrite: do not back the VM up as it is before; what it holds then is lost" };
    private readonly Option<string> _manager = new("--manager") { Description = "Manager to restore to; default: the restore point's", HelpName = "MANAGER" };
    private readonly Option<string> _cluster = new("--cluster") { Description = "Cluster to restore to; default: the restore point's, or the one of its name", HelpName = "CLUSTER" };
    private readonly DiskOptions _disks = new();
    private readonly Option<string> _nics = new("--nics")
    {
        Description = "new-mac (default), keep-mac (refused when one is in use), disconnected (unplugged, new MAC) or none",
        HelpName = "MODE",
    };

    private readonly Option<string[]> _macs = new("--mac")
    {
        Description = "MAC addresses: keep (refused when another VM has one) or new (default) for all NICs, or NIC=keep|new for one; may be repeated",
        HelpName = "[NIC=]keep|new",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _networks = new("--network")
    {
        Description = "Network of the restore point = vNIC profile, network or NETWORK/PROFILE of the target, or none; may be repeated",
        HelpName = "NETWORK=PROFILE",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _affinityGroups = new("--create-affinity-groups")
    {
        Description = "Create affinity groups of the restore point that the cluster lacks; without it the VM joins those that are there",
    };

    private readonly Option<bool> _start = new("--start") { Description = "Start the VM when it is restored" };

    /// <param name="runner">The commands' runner.</param>
    /// <param name="orPlan">The option that may stand in the place of all of these.</param>
    public RestoreOptions(CommandRunner runner, Option<string>? orPlan)
    {
        _point = new("POINT")
        {
            HelpName = "POINT",
            Description = "Id of the restore point, or its first characters",
            Arity = orPlan is null ? ArgumentArity.ExactlyOne : ArgumentArity.ZeroOrOne,
        };
        _nics.AcceptOnlyFromAmong([.. NicModes.Keys]);
        _point.CompletionSources.Add(runner.Suggestions.Points);
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        OrPlan = orPlan;
    }

    private Option<string>? OrPlan { get; }

    private Option[] All =>
        [_name, _overwrite, _powerOff, _noSafetyPoint, _manager, _cluster, .. _disks.All, _nics, _macs, _networks, _affinityGroups, _start];

    public void AddTo(Command command)
    {
        command.Add(_point);
        foreach (var option in All)
        {
            command.Add(option);
        }

        command.Validators.Add(Validate);
    }

    /// <exception cref="CliException">Options contradict each other.</exception>
    public RestoreVmRequest From(CommandContext context)
    {
        var request = new RestoreVmRequest
        {
            Point = context.Parse.GetValue(_point) ?? "",
            Name = context.Text(_name),
            Manager = context.Text(_manager),
            Cluster = context.Text(_cluster),
            StorageDomain = _disks.StorageDomain(context),
            Format = _disks.Format(context),
            Allocation = _disks.Allocation(context),
            TransportMode = _disks.Mode(context),
            Nics = NicModes.GetValueOrDefault(context.Text(_nics)),
            Start = context.Value(_start),
            NoVerify = _disks.NoVerify(context),
            Overwrite = context.Value(_overwrite),
            PowerOff = context.Value(_powerOff),
            NoSafetyPoint = context.Value(_noSafetyPoint),
            CreateAffinityGroups = context.Value(_affinityGroups),
        };
        request.Networks.Add(NameValuePairs.Parse("--network", context.Value(_networks)));
        AddMacs(request, context.Value(_macs) ?? []);
        return request;
    }

    private void Validate(CommandResult result)
    {
        if (OrPlan is not null && result.GetResult(OrPlan) is not null)
        {
            var more = All.FirstOrDefault(option => result.GetResult(option) is { Implicit: false })?.Name ?? (result.GetValue(_point) is null ? null : "POINT");
            if (more is not null)
            {
                result.AddError($"{more} cannot be given with {OrPlan.Name}: a plan says all that is to be done.");
            }

            return;
        }

        if (result.GetValue(_point) is null)
        {
            result.AddError("Required argument missing: POINT.");
        }

        if (result.GetResult(_name) is null && result.GetResult(_overwrite) is null)
        {
            result.AddError("Option '--name' is required. (Or --overwrite, to restore over the original VM.)");
        }
    }

    /// <summary>A word for all NICs is the mode of the NICs; the words for single ones go beside it.</summary>
    private static void AddMacs(RestoreVmRequest request, string[] values)
    {
        foreach (var all in values.Where(value => !value.Contains('=', StringComparison.Ordinal)))
        {
            var mode = all switch
            {
                "keep" => NicMode.KeepMac,
                "new" => NicMode.NewMac,
                _ => throw CliException.Invalid($"--mac '{all}' cannot be used: write keep, new, or NIC=keep or NIC=new."),
            };
            if (request.Nics != NicMode.Unspecified && request.Nics != mode)
            {
                throw CliException.Invalid($"--mac '{all}' contradicts what is given beside it: for all NICs use one --mac or one --nics, and NIC=keep or NIC=new for single ones.");
            }

            request.Nics = mode;
        }

        foreach (var (nic, word) in NameValuePairs.Parse("--mac", [.. values.Where(value => value.Contains('=', StringComparison.Ordinal))]))
        {
            request.NicMacs.Add(nic, word is "keep" or "new" ? word : throw CliException.Invalid($"--mac '{nic}={word}' cannot be used: write keep or new."));
        }
    }
}
