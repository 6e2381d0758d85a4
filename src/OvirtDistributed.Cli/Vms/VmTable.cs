// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Vms;

internal static class VmTable
{
    public static void Write(CommandContext context, IEnumerable<Vm> vms)
    {
        var table = new TextTable("NAME", "MANAGER", "CLUSTER", "STATUS", ">DISKS", ">SIZE", "PROTECTED", "REMARK");
        foreach (var vm in vms)
        {
            table.Add(
                vm.Name,
                vm.Manager,
                vm.Cluster,
                vm.Status,
                $"{vm.Disks.Count}",
                ByteText.Size(vm.Disks.Sum(disk => disk.SizeBytes)),
                vm.LastRestorePoint is null ? new Cell("no", Tone.Bad) : new Cell(TimeText.Relative(vm.LastRestorePoint, context.Time), Tone.Good),
                new Cell(Remark(vm), Tone.Attention));
        }

        table.WriteTo(context.Output);
    }

    /// <summary>What a backup of the VM would leave out.</summary>
    private static string Remark(Vm vm)
    {
        var skipped = vm.Disks.Where(disk => disk.SkipReason.Length > 0).ToList();
        return skipped.Count switch
        {
            0 => "",
            1 => $"disk {skipped[0].Alias} is left out: {skipped[0].SkipReason}",
            _ => $"{skipped.Count} disks are left out: {skipped[0].Alias} ({skipped[0].SkipReason}), …",
        };
    }
}
