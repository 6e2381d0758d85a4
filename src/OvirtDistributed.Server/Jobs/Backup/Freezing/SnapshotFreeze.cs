// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Ledger;

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>What the steps of a backup do about a guest that is to be frozen around its snapshot.</summary>
internal sealed class SnapshotFreeze(GuestFreezes freezes, EngineLedger ledger, ServerOptions options)
{
    // A manager that refuses the snapshot for a passing reason gets the guest frozen anew, but not without end.
    private const int MaxTries = 3;

    /// <summary>Sees to it that the guest is frozen before the snapshot is asked for.</summary>
    /// <returns>Null when the snapshot can be asked for, of a guest that is frozen or of which the job says why it is not.</returns>
    public async Task<StepResult?> FreezeAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Backup!;
        if (!details.Freezes() || details.FreezeProblem.Length > 0)
        {
            return null;
        }

        var freeze = freezes.Find(job.Id);
        switch (freeze?.State)
        {
            case FreezeState.Freezing:
                return StepResult.WaitFor(options.PollInterval);
            case FreezeState.Frozen when freeze.IsHeld:
                return null;
            case FreezeState.Refused:
                return GiveUp(context, freeze.Problem, $" In most cases it helps to {BackupFallback.AgentAdvice}.");
            case FreezeState.Thawing when freeze.ThawProblem.Length > 0:
                return GiveUp(context, $"it was frozen before, and could not be thawed yet: {freeze.ThawProblem}");
            case FreezeState.Frozen or FreezeState.Thawing:
                return StepResult.WaitFor(options.PollInterval); // Its time was over before the snapshot was asked for.
        }

        // From here on it is not frozen: never, or not any more.
        if (freeze is null && await ledger.HasHadAsync(LedgerKind.GuestFreeze, LedgerOwner.OfJob(job.ManagerId, job.Id), cancellationToken))
        {
            // Whoever thaws for the server that is gone may still do so, and would end a new freeze in the middle.
            return GiveUp(context, "the server was restarted while it froze the guest");
        }

        if (freeze is { EndedCleanly: false })
        {
            return GiveUp(context, $"it was frozen before, and its thaw is not certain: {freeze.ThawProblem}");
        }

        if (details.FreezeTries >= MaxTries)
        {
            return GiveUp(context, $"the manager took no snapshot while it was frozen, {MaxTries} times");
        }

        job.Backup = details with { FreezeTries = details.FreezeTries + 1 };
        freezes.Begin(new FreezeSubject(job.Id, job.ManagerId, job.VmId, job.VmName, details.FreezeTimeout));
        return StepResult.WaitFor(options.PollInterval);
    }

    /// <summary>The snapshot is there: thaws, and writes down whether the guest was frozen by us until then.</summary>
    public async Task ThawAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Backup!;
        if (!details.Freezes() || details.FrozenAtSnapshot is not null)
        {
            return;
        }

        var held = freezes.Find(job.Id)?.IsHeld ?? false;
        job.Backup = details with { FrozenAtSnapshot = held, ConsistencyDetail = DetailOf(details, held) };
        await LetGoAsync(context, cancellationToken);
        if (held)
        {
            context.Info("the guest's file systems were frozen until the snapshot was there");
        }
        else if (details.FreezeProblem.Length == 0)
        {
            const string Text = "The guest's file systems were frozen, but thawed before the snapshot was there: what the restore point holds of them is not known to be consistent.";
            context.Warning(Text);
            job.Warn(Text);
        }
    }

    /// <summary>Ends a freeze of the job, if there is one; a guest that may still be frozen is a warning.</summary>
    public async Task LetGoAsync(StepContext context, CancellationToken cancellationToken)
    {
        if (context.Job.Backup!.Freezes() && await freezes.ReleaseAsync(context.Job, cancellationToken) is { } problem)
        {
            Warn(context, problem);
        }

        if (context.Job.State != JobState.StartingBackup)
        {
            freezes.Find(context.Job.Id)?.Drop();
        }
    }

    /// <summary>While the snapshot takes its time: the time-out may have ended the freeze, and its thaw fail.</summary>
    public void WarnIfStillFrozen(StepContext context)
    {
        if (freezes.Find(context.Job.Id) is { } freeze && GuestFreezes.ExplainStillFrozen(freeze) is { } problem)
        {
            Warn(context, problem);
        }
    }

    /// <summary>Of a guest that runs.</summary>
    public static string ConsistencyOf(BackupDetails details) => details switch
    {
        { FrozenAtSnapshot: true } => PointConsistencyNames.FileSystem,
        { FreezeProblem.Length: > 0 } => PointConsistencyNames.Crash,

        // The host freezes the guest where it can, and nobody says whether it did.
        _ => PointConsistencyNames.Unknown,
    };

    private static string DetailOf(BackupDetails details, bool held) => held
        ? "the server held the guest's file systems frozen until the snapshot was there"
        : details.FreezeProblem.Length > 0 ? $"not frozen: {details.FreezeProblem}" : "frozen, but thawed before the snapshot was there";

    private static StepResult? GiveUp(StepContext context, string problem, string advice = "")
    {
        var job = context.Job;
        job.Backup = job.Backup! with { FreezeProblem = problem };
        var text = $"The guest's file systems could not be frozen, the restore point is crash-consistent: {problem.TrimEnd('.')}.{advice}";
        context.Warning(text);
        job.Warn(text);
        return null;
    }

    private static void Warn(StepContext context, string problem)
    {
        if (!context.Job.Warnings.Contains(problem))
        {
            context.Error(problem);
            context.Job.Warn(problem);
        }
    }
}
