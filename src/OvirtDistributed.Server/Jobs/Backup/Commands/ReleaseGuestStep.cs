// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Backup.Freezing;

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>
/// The backup came to no moment, or was cancelled before its post-command was through: a guest that we hold frozen is thawed, and the command runs all the
/// same, before anything is taken back.
/// </summary>
internal sealed class ReleaseGuestStep(CommandRuns runs, SnapshotFreeze freeze, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.ReleasingGuest;

    public StepSkip? Skip(Job job) =>
        job.Backup is { Commands: null } details && !details.Freezes() ? new StepSkip(JobEvent.GuestReleased, "neither a command nor a freeze holds the guest") : null;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        await freeze.LetGoAsync(context, cancellationToken);
        if (context.Job.Backup!.Commands is not { } commands)
        {
            return StepResult.Next(JobEvent.GuestReleased);
        }

        if (!await runs.StopPreAsync(context, cancellationToken))
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        if (commands.Post is null)
        {
            return StepResult.Next(JobEvent.GuestReleased);
        }

        var task = await runs.RunAsync(context, CommandPhase.Post, cancellationToken);
        if (!task.IsEnded)
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        if (CommandRuns.Record(context, task) is { } problem)
        {
            context.Job.Note($"the {problem}; the application may still wait for it");
        }

        return StepResult.Next(JobEvent.GuestReleased);
    }
}
