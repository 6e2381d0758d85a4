// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Backups;

internal sealed class PlanBackupCommand : ServerCommand
{
    private readonly BackupOptions _backup;

    public PlanBackupCommand(CommandRunner runner)
        : base(runner, "backup", "Show what a backup would do now, with the reasons and every call on the manager. Changes nothing.")
    {
        _backup = new BackupOptions(runner);
        _backup.AddTo(this);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new PlanBackupRequest { Backup = await _backup.FromAsync(context, cancellationToken) };
        var response = await server.Jobs.PlanBackupAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            foreach (var (index, plan) in response.Plans.Index())
            {
                if (index > 0)
                {
                    context.Output.Line();
                }

                Write(context, plan);
            }

            LeftOut.Write(context, response.LeftOut);
        }

        return response.Plans.Any(plan => plan.Refusal.Length > 0) ? ExitCode.Refused : ExitCode.Ok;
    }

    private static void Write(CommandContext context, BackupPlan plan)
    {
        new Details()
            .Add("VM", $"{plan.VmName} ({plan.VmId})")
            .AddIfSet("Selected by", string.Join("; ", plan.SelectedBy))
            .AddIfSet("Transport", JobText.Mode(plan.TransportMode, plan.TransportReason))
            .AddIfSet("Mode", JobText.Mode(plan.Mode, plan.ModeReason))
            .AddIfSet("Reads", ReadsOf(plan))
            .AddIfSet("Scratch", ScratchOf(plan))
            .WriteTo(context.Output);
        if (plan.Refusal.Length > 0)
        {
            context.Output.Line(new StyledLine().Add($"Cannot be backed up: {Cell.Printable(plan.Refusal.TrimEnd('.'))}.", Tone.Bad));
        }

        if (plan.Disks.Count > 0)
        {
            context.Output.Heading($"Disks ({plan.Disks.Count})");
            var table = new TextTable("DISK", ">SIZE", ">ALLOCATED", "MODE", "REASON");
            foreach (var disk in plan.Disks)
            {
                table.Add(disk.Alias, ByteText.Size(disk.SizeBytes), ByteText.Size(disk.AllocatedBytes), disk.Mode.Length > 0 ? disk.Mode : "left out", disk.Reason);
            }

            table.WriteTo(context.Output);
        }

        if (plan.Calls.Count > 0)
        {
            context.Output.Heading("Calls on the manager");
            foreach (var call in plan.Calls)
            {
                context.Output.Line($"  {Cell.Printable(call)}");
            }
        }
    }

    private static string ReadsOf(BackupPlan plan) => plan.Mode switch
    {
        "" => "",
        "incremental" => $"what has changed, at most {ByteText.Size(plan.ReadBytesAtMost)}",
        _ => $"at most {ByteText.Size(plan.ReadBytesAtMost)}",
    };

    private static string ScratchOf(BackupPlan plan) =>
        plan.ScratchBytes > 0 ? $"{ByteText.Size(plan.ScratchBytes)} at once; {plan.ScratchNote}" : plan.ScratchNote;
}
