// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Workers;

internal sealed class QueueListCommand(CommandRunner runner) : ServerCommand(runner, "list", "List the queues: waiting offers, consumers, problems")
{
    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Workers.ListQueuesAsync(new ListQueuesRequest(), server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Queues.Count == 0)
        {
            context.Output.Line("No queues yet: they come with the first manager's clusters.");
        }
        else
        {
            var table = new TextTable("NAME", "CLUSTER", ">MESSAGES", ">CONSUMERS", "PROBLEM");
            foreach (var queue in response.Queues)
            {
                table.Add(queue.Name, queue.Cluster, $"{queue.Messages}", $"{queue.Consumers}", new Cell(queue.Problem, Tone.Bad));
            }

            table.WriteTo(context.Output);
        }

        return ExitCode.Ok;
    }
}
