// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Managers;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Cli.Repositories;
using OvirtDistributed.Cli.Workers;

namespace OvirtDistributed.Cli.Status;

internal sealed class StatusCommand(CommandRunner runner)
    : ServerCommand(runner, "status", "Show the installation on one screen: server, managers, repositories, workers, running jobs")
{
    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var status = await InstallationStatus.ReadAsync(context.Server, cancellationToken);
        if (context.Output.IsJson)
        {
            context.Output.Json(status.Write);
        }
        else
        {
            Write(context, status);
        }

        return ExitCode.Ok;
    }

    private static void Write(CommandContext context, InstallationStatus status)
    {
        context.Output.Line(new StyledLine()
            .Add("Backup server", Tone.Heading)
            .Add($"  {status.Address}  version {Cell.Printable(status.ServerVersion ?? "unknown")}"));

        context.Output.Heading($"Managers ({status.Managers.Count})");
        Section(context, status.Managers.Count, "none: ovd manager add NAME --url URL --user USER", () => ManagerTable.Write(context, status.Managers));
        context.Output.Heading($"Repositories ({status.Repositories.Count})");
        Section(context, status.Repositories.Count, "none: ovd repository add NAME --mover URL --create", () => RepositoryTable.Write(context, status.Repositories));
        context.Output.Heading($"Workers ({status.Workers.Count})");
        Section(context, status.Workers.Count, "none has reported yet", () => WorkerTable.Write(context, status.Workers));

        var troubled = status.Queues.Where(queue => queue.Problem.Length > 0).ToList();
        if (troubled.Count > 0)
        {
            context.Output.Heading("Queues that need attention");
            foreach (var queue in troubled)
            {
                context.Output.Line(new StyledLine().Add($"{Cell.Printable(queue.Name)}: {Cell.Printable(queue.Problem)}", Tone.Bad));
            }
        }

        context.Output.Heading($"Running jobs ({status.Jobs.Count})");
        Section(context, status.Jobs.Count, "none", () => JobTable.Write(context, status.Jobs));
    }

    private static void Section(CommandContext context, int count, string none, Action write)
    {
        if (count == 0)
        {
            context.Output.Line(new StyledLine().Add(none, Tone.Faint));
        }
        else
        {
            write();
        }
    }
}
