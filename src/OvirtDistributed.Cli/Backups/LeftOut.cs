// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Backups;

/// <summary>VMs that one rule of a selection includes and another excludes: nobody should find out later.</summary>
internal static class LeftOut
{
    public static void Write(CommandContext context, IReadOnlyCollection<LeftOutVm> vms)
    {
        if (vms.Count == 0)
        {
            return;
        }

        context.Output.Heading($"VMs left out ({vms.Count})");
        var table = new TextTable("VM", "RULE");
        foreach (var vm in vms)
        {
            table.Add(vm.VmName, vm.Rule);
        }

        table.WriteTo(context.Output);
    }
}
