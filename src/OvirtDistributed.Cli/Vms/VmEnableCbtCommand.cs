// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Google.Protobuf.Collections;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Vms;

internal sealed class VmEnableCbtCommand : ServerCommand
{
    private readonly Argument<string> _vm = new("VM") { HelpName = "VM", Description = "Name or id" };
    private readonly Option<string> _manager = new("--manager") { Description = "Manager of the VM (name or id); not needed while there is one", HelpName = "MANAGER" };
    private readonly Option<string[]> _disks = new("--disk")
    {
        Description = "Only this disk (id or alias); may be repeated",
        HelpName = "DISK",
        DefaultValueFactory = _ => [],
    };

    public VmEnableCbtCommand(CommandRunner runner)
        : base(runner, "enable-cbt", "Have the manager track changes of a VM's disks (cow disks only), so that backups can be incremental")
    {
        _vm.CompletionSources.Add(runner.Suggestions.Vms);
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        Add(_vm);
        Add(_manager);
        Add(_disks);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new EnableCbtRequest { Vm = context.Value(_vm), Manager = context.Text(_manager) };
        request.Disks.Add(context.Value(_disks) ?? []);
        var response = await server.Managers.EnableCbtAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Disks.Count == 0)
        {
            context.Output.Line("The VM has no disks.");
        }
        else
        {
            Write(context, response.Disks);
        }

        // A script that goes on as if backups were incremental now must not be told that all is well.
        return response.Disks.Any(disk => disk.Enabled) ? ExitCode.Ok : ExitCode.Refused;
    }

    private static void Write(CommandContext context, RepeatedField<CbtChange> disks)
    {
        var table = new TextTable("DISK", "TRACKED", "NOTE");
        foreach (var disk in disks)
        {
            table.Add(disk.DiskAlias, disk.Enabled ? "yes" : "no", disk.Note);
        }

        table.WriteTo(context.Output);
        var skipped = disks.Where(disk => !disk.Enabled).Select(disk => disk.DiskAlias).ToList();
        if (skipped.Count > 0)
        {
            context.Output.Line();
            context.Output.Line(new StyledLine().Add(
                skipped.Count == disks.Count
                    ? "Nothing was enabled: no disk of the VM can be tracked, see the notes."
                    : $"Skipped: {Cell.Printable(string.Join(", ", skipped))}, see the notes.",
                Tone.Attention));
        }
    }
}
