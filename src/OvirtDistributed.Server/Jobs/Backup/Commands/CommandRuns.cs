// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Leases;

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>
/// Moves the commands of a job on, in single steps. A pre-command is never repeated: nobody knows how far it came. A post-command whose worker
/// was lost is offered once more, to any worker, because the application waits for it.
/// </summary>
internal sealed class CommandRuns(TaskLeases leases, TaskSettlement settlement, GuestFinder guests, ServerOptions options)
{
    private const int MaxPostAttempts = 2;

    /// <summary>Starts the command where that has not happened, and looks after it.</summary>
    /// <returns>The command; it has ended, or is to be asked for again later.</returns>
    public async Task<CommandTask> RunAsync(StepContext step, CommandPhase phase, CancellationToken cancellationToken)
    {
        if (await FindAsync(step, phase, cancellationToken) is not { } task)
        {
            task = new CommandTask
            {
                Id = Guid.NewGuid(),
                JobId = step.Job.Id,
                ClusterId = step.Job.ClusterId,
                Phase = phase,
            };
            var problem = await guests.FindAsync(step, phase, cancellationToken);
            step.Database.Add(task);
            if (problem is not null)
            {
                GiveUp(step, task, problem);
                return task;
            }

            settlement.Offer(step, task);
            step.Info($"{NameOf(step.Job, phase)}: offered to the workers of the cluster", task.Id);
            return task;
        }

        await SettleAsync(step, task, cancellationToken);
        return task;
    }

    /// <summary>Ends the pre-command of a job that will not go on: one that nobody took is withdrawn, one that runs is told to stop by its worker.</summary>
    /// <returns>False while it still runs.</returns>
    public async Task<bool> StopPreAsync(StepContext step, CancellationToken cancellationToken)
    {
        if (await FindAsync(step, CommandPhase.Pre, cancellationToken) is not { IsEnded: false } task)
        {
            return true;
        }

        if (task.State == TaskState.Leased)
        {
            return false;
        }

        task.State = TaskState.Cancelled;
        task.Ended = step.Now;
        return true;
    }

    /// <summary>Writes what a command said into the job's log, and answers what was wrong; null when nothing.</summary>
    public static string? Record(StepContext step, CommandTask task)
    {
        var name = NameOf(step.Job, task.Phase);
        if (task.Result is not { } result)
        {
            step.Error($"{name}: {task.Message}", task.Id);
            return $"{name} did not run to its end: {task.Message}";
        }

        var outcome = result.TimedOut ? $"was ended after its time limit of {step.Job.Backup!.Commands!.TimeLimit}" : $"ended with exit code {result.ExitCode}";
        var output = result.Output.Length == 0 ? "; it wrote nothing" : $"; {(result.OutputCut ? "the end of its output" : "its output")}:\n{result.Output}";
        if (result is { TimedOut: false, ExitCode: 0 })
        {
            step.Info($"{name} {outcome}{output}", task.Id);
            return null;
        }

        step.Error($"{name} {outcome}{output}", task.Id);
        return $"{name} {outcome}{LastLineOf(result.Output)}";
    }

    private async Task<CommandTask?> FindAsync(StepContext step, CommandPhase phase, CancellationToken cancellationToken)
    {
        _ = await leases.ExpireAsync(step.Job.Id, cancellationToken);
        return await step.Database.Set<CommandTask>().FirstOrDefaultAsync(task => task.JobId == step.Job.Id && task.Phase == phase, cancellationToken);
    }

    private async Task SettleAsync(StepContext step, CommandTask task, CancellationToken cancellationToken)
    {
        switch (task.State)
        {
            case TaskState.Offered when step.InStep > options.CommandPatience:
                GiveUp(step, task, $"no worker of the cluster took it within {options.CommandPatience}: start one, or free a slot");
                break;
            case TaskState.Offered when step.Now - task.Offered > options.OfferAgainAfter:
                settlement.Offer(step, task);
                break;
            case TaskState.Recovering:
                await DecideAsync(step, task, cancellationToken);
                break;
        }
    }

    private async Task DecideAsync(StepContext step, CommandTask task, CancellationToken cancellationToken)
    {
        var attempt = await step.Database.Attempts.AsNoTracking()
            .FirstOrDefaultAsync(row => row.TaskId == task.Id && row.Number == task.Attempt, cancellationToken);
        if (task.Phase == CommandPhase.Pre || task.Attempt >= MaxPostAttempts || AttemptVerdict.Of(attempt?.FailureCode).Hopeless)
        {
            GiveUp(step, task, task.Message);
            return;
        }

        step.Warning($"{NameOf(step.Job, task.Phase)}: attempt {task.Attempt} was lost ({task.Message}), offering it once more", task.Id);
        task.Attempt++;
        task.State = TaskState.Offered;
        task.WorkerId = null;
        task.ProgressSequence = 0;
        settlement.Offer(step, task);
    }

    private static void GiveUp(StepContext step, CommandTask task, string message)
    {
        task.State = TaskState.Failed;
        task.Ended = step.Now;
        task.Message = message;
    }

    private static string NameOf(Job job, CommandPhase phase)
    {
        var commands = job.Backup!.Commands!;
        return $"{(phase == CommandPhase.Pre ? "pre-command" : "post-command")} {commands.Of(phase)!.Name}{(commands.Guest is { } guest ? $" {guest.Where()}" : "")}";
    }

    private static string LastLineOf(string output)
    {
        const int Most = 300;
        var line = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "";
        return line.Length == 0 ? "" : $", last line of its output: {(line.Length > Most ? line[..Most] : line)}";
    }
}
