// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Workers;

internal static class WorkerTable
{
    public static void Write(CommandContext context, IEnumerable<Worker> workers)
    {
        var table = new TextTable("NAME", "STATE", "CLUSTER", ">BUSY", ">SLOTS", "LAST SEEN", "VERSION", "KIND", "PROBLEM");
        foreach (var worker in workers)
        {
            table.Add(
                worker.Name,
                worker.State switch
                {
                    WorkerState.Online => new Cell("online", Tone.Good),
                    WorkerState.Silent => new Cell("silent", Tone.Bad),
                    _ => new Cell("unknown", Tone.Attention),
                },
                worker.Cluster,
                $"{worker.BusySlots}",
                $"{worker.Slots}",
                TimeText.Relative(worker.LastSeen, context.Time),
                worker.Version,
                worker.Embedded ? "embedded" : "dedicated",
                new Cell(worker.Problem, Tone.Bad));
        }

        table.WriteTo(context.Output);
    }
}
