// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Vms;

internal sealed class VmListCommand : ServerCommand
{
    private readonly Option<string> _manager = new("--manager") { Description = "Only VMs of this manager (name or id)", HelpName = "MANAGER" };
    private readonly Option<string> _cluster = new("--cluster") { Description = "Only VMs of this cluster (name)", HelpName = "CLUSTER" };
    private readonly Option<bool> _unprotected = new("--unprotected") { Description = "Only VMs without any restore point" };
    private readonly Option<bool> _refresh = new("--refresh") { Description = "Read the inventory from the manager now" };

    public VmListCommand(CommandRunner runner)
        : base(runner, "list", "List the VMs and when each was last backed up")
    {
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        Add(_manager);
        Add(_cluster);
        Add(_unprotected);
        Add(_refresh);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new GetInventoryRequest { Manager = context.Text(_manager), Refresh = context.Value(_refresh) };
        var inventory = await server.Managers.GetInventoryAsync(request, server.Call(cancellationToken));
        var cluster = context.Text(_cluster);
        var unprotectedOnly = context.Value(_unprotected);
        var vms = inventory.Vms
            .Where(vm => (cluster.Length == 0 || vm.Cluster == cluster) && (!unprotectedOnly || vm.LastRestorePoint is null))
            .OrderBy(vm => vm.Manager, StringComparer.Ordinal)
            .ThenBy(vm => vm.Name, StringComparer.Ordinal)
            .ToList();
        if (context.Output.IsJson)
        {
            context.Output.Json(writer => JsonLists.Write(writer, "vms", vms));
        }
        else if (vms.Count == 0)
        {
            context.Output.Line(unprotectedOnly && inventory.Vms.Count > 0 ? "Every VM has a restore point." : "No VMs.");
        }
        else
        {
            VmTable.Write(context, vms);
            var bare = vms.Count(vm => vm.LastRestorePoint is null);
            context.Output.Line();
            context.Output.Line($"{vms.Count} {(vms.Count == 1 ? "VM" : "VMs")}, {bare} without a restore point.");
        }

        return ExitCode.Ok;
    }
}
