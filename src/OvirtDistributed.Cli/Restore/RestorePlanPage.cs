// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.Collections;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

/// <summary>The plan of a restore, for people or as JSON.</summary>
internal static class RestorePlanPage
{
    /// <param name="context">Of the command.</param>
    /// <param name="response">What the backup server planned.</param>
    /// <param name="apply">The command that takes <c>--plan</c>.</param>
    public static ExitCode Write(CommandContext context, PlanRestoreResponse response, string apply)
    {
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            Write(context, response.Plan, apply);
        }

        return response.Plan.Refusals.Count > 0 ? ExitCode.Refused : ExitCode.Ok;
    }

    private static void Write(CommandContext context, RestorePlan plan, string apply)
    {
        new Details()
            .Add("Restore point", plan.PointId)
            .Add("VM", $"{plan.VmName} → {plan.TargetVm}")
            .Add("Manager", plan.Manager)
            .Add("Cluster", plan.Cluster)
            .Add("Transport", JobText.Mode(plan.TransportMode, plan.TransportReason))
            .Add("Writes", $"at most {ByteText.Size(plan.WriteBytesAtMost)}")
            .AddIfSet("Plan", plan.Digest)
            .WriteTo(context.Output);
        foreach (var refusal in plan.Refusals)
        {
            context.Output.Line(new StyledLine().Add($"Cannot be restored: {Cell.Printable(refusal)}", Tone.Bad));
        }

        WriteDisks(context, plan);
        WriteNics(context, plan);
        SettingsTable.Write(context.Output, plan.Settings, planned: true);
        WriteLines(context, "Differs from the restore point", plan.Notes);
        WriteLines(context, "Calls on the manager", plan.Calls);
        if (plan.Digest.Length > 0)
        {
            context.Output.Line();
            context.Output.Line($"Apply with: {apply} --plan {ShortIds.Cut(plan.Digest)}");
        }
    }

    private static void WriteDisks(CommandContext context, RestorePlan plan)
    {
        context.Output.Heading($"Disks ({plan.Disks.Count})");
        var table = new TextTable("DISK", ">SIZE", "STORAGE DOMAIN", "FORMAT", "ALLOCATION", ">WRITES AT MOST", "REPLACES");
        foreach (var disk in plan.Disks)
        {
            table.Add(disk.Alias, ByteText.Size(disk.SizeBytes), disk.StorageDomain, disk.Format, disk.Allocation, ByteText.Size(disk.WriteBytesAtMost), disk.Replaces);
        }

        table.WriteTo(context.Output);
    }

    private static void WriteNics(CommandContext context, RestorePlan plan)
    {
        if (plan.Nics.Count == 0)
        {
            return;
        }

        context.Output.Heading($"NICs ({plan.Nics.Count})");
        var table = new TextTable("NIC", "NETWORK", "WAS ON", "MAC ADDRESS", "PLUGGED");
        foreach (var nic in plan.Nics)
        {
            var mac = nic.Mac.Length == 0 ? "new" : nic.MacOwner.Length == 0 ? nic.Mac : $"{nic.Mac}, in use by {nic.MacOwner}";
            table.Add(nic.Name, nic.Network.Length > 0 ? nic.Network : "none", nic.OriginalNetwork, mac, nic.Plugged ? "yes" : "no");
        }

        table.WriteTo(context.Output);
    }

    private static void WriteLines(CommandContext context, string heading, RepeatedField<string> lines)
    {
        if (lines.Count == 0)
        {
            return;
        }

        context.Output.Heading(heading);
        foreach (var line in lines)
        {
            context.Output.Line($"  {Cell.Printable(line)}");
        }
    }
}
