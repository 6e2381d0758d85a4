// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Managers;

internal static class ManagerTable
{
    public static void Write(CommandContext context, IEnumerable<Manager> managers)
    {
        var table = new TextTable("NAME", "STATE", "PRODUCT", "VERSION", ">VMS", "INVENTORY", "URL", "PROBLEM");
        foreach (var manager in managers)
        {
            var (state, tone) = State(manager.State);
            table.Add(
                manager.Name,
                new Cell(state, tone),
                manager.Product,
                manager.Version,
                $"{manager.Vms}",
                TimeText.Relative(manager.InventoryRead, context.Time),
                manager.Url,
                manager.Problem);
        }

        table.WriteTo(context.Output);
    }

    private static (string Text, Tone Tone) State(ManagerState state) => state switch
    {
        ManagerState.Connected => ("connected", Tone.Good),
        ManagerState.Unreachable => ("unreachable", Tone.Bad),
        ManagerState.Unauthorized => ("unauthorized", Tone.Bad),
        _ => ("unknown", Tone.Attention),
    };
}
