// SPDX-License-Identifier: Apache-2.0

using System.Collections.Frozen;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Runs one step of one job and saves what follows from it in one transaction.</summary>
internal sealed partial class StepExecutor
{
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromMinutes(1);

    private readonly IDbContextFactory<ServerDbContext> _contexts;
    private readonly FrozenDictionary<(JobKind Kind, JobState State), IJobStep> _steps;
    private readonly JobSignal _signal;
    private readonly OutboxSignal _outbox;
    private readonly ServerInstruments _instruments;
    private readonly TimeProvider _time;
    private readonly ServerOptions _options;
    private readonly ILogger<StepExecutor> _logger;

    public StepExecutor(
        IDbContextFactory<ServerDbContext> contexts, IEnumerable<IJobStep> steps, JobSignal signal, OutboxSignal outbox, ServerInstruments instruments, TimeProvider time,
        ServerOptions options, ILogger<StepExecutor> logger)
    {
        _contexts = contexts;
        _steps = steps.ToFrozenDictionary(step => (step.Kind, step.State));
        _signal = signal;
        _outbox = outbox;
        _instruments = instruments;
        _time = time;
        _options = options;
        _logger = logger;
    }

    /// <summary>Runs the step the job is at.</summary>
    /// <returns>True when the next step can run at once.</returns>
    public async Task<bool> RunStepAsync(Guid jobId, CancellationToken cancellationToken)
    {
        await using var context = await _contexts.CreateDbContextAsync(cancellationToken);
        var job = await context.Jobs.Include(row => row.Tasks).FirstOrDefaultAsync(row => row.Id == jobId, cancellationToken);
        if (job is null || JobStateMachine.IsEnd(job.State))
        {
            return false;
        }

        using var activity = ServerInstruments.Source.StartActivity($"job.{job.State}", ActivityKind.Internal, job.TraceParent);
        activity?.SetTag("ovd.job.id", job.Id);
        activity?.SetTag("ovd.vm.name", job.VmName);
        using var scope = _logger.BeginScope(new Dictionary<string, object> { ["JobId"] = job.Id, ["VmName"] = job.VmName });

        var step = new StepContext(job, context, _time);
        var result = await DecideAsync(step, cancellationToken);
        Apply(step, result);
        try
        {
            await context.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException)
        {
            // A worker's report or a cancellation came in between: the step runs again on fresh state.
            Log.StepRepeated(_logger, job.Id, job.State);
            return true;
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            // Somebody else wrote the same row, as the catalog does that just found the point of this commit.
            Log.StepRepeated(_logger, job.Id, job.State);
            return true;
        }

        _signal.Changed(jobId);
        _outbox.Raise();
        if (JobStateMachine.IsEnd(job.State))
        {
            _instruments.OnJobEnded(job.Kind.ToString(), job.Outcome.ToString(), job.Ended!.Value - job.Created);
            Log.JobEnded(_logger, job.Id, job.Kind, job.VmName, job.Outcome, job.Message);
            return false;
        }

        return result.Event is not null;
    }

    private async Task<StepResult> DecideAsync(StepContext step, CancellationToken cancellationToken)
    {
        var job = step.Job;
        if (job.CancelRequested && JobStateMachine.For(job.Kind).Next(job.State, JobEvent.CancelRequested) is not null)
        {
            return StepResult.Next(JobEvent.CancelRequested);
        }

        try
        {
            var result = await _steps[(job.Kind, job.State)].RunAsync(step, cancellationToken);
            job.StepTries = 0;
            job.FailingSince = null;
            return result;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (DbUpdateConcurrencyException)
        {
            throw;
        }
        catch (Exception failure)
        {
            return Judge(step, failure);
        }
    }

    /// <summary>A passing failure waits and tries again while there is patience; any other ends the step.</summary>
    private StepResult Judge(StepContext step, Exception failure)
    {
        var job = step.Job;
        var known = failure is EngineException or MoverException or JobFailureException or WorkerMissingException;
        var passing = failure is EngineException { IsPassing: true } or MoverException { IsPassing: true } or WorkerMissingException
            // What nobody foresaw may be a hiccup of the database or the network, or a bug: it is tried a few times, never for long. Calls to a
            // Data Mover are idempotent, and a connection that broke in the middle of one must not cost a backup that only lacks its commit.
            || ((!known || failure is MoverException { Failure: MoverFailure.Unknown }) && job.StepTries < 3);
        var patience = job.State is JobState.ReleasingGuest or JobState.Undoing or JobState.PuttingBack ? _options.UndoPatience : _options.StepPatience;
        if (!known)
        {
            Log.StepFailedUnexpectedly(_logger, job.Id, job.State, failure);
        }

        var message = known ? failure.Message : $"unexpected {failure.GetType().Name}; the server's log has the details";
        job.FailingSince ??= step.Now;
        if (!passing || step.FailingFor > patience)
        {
            return StepResult.Fail(message);
        }

        job.StepTries++;
        if (job.State is not (JobState.ReleasingGuest or JobState.Undoing or JobState.PuttingBack))
        {
            job.Message = message;
        }

        if (job.StepTries == 1)
        {
            step.Warning($"{JobMessages.Words(job.State.ToString())}: {message} Trying again.");
        }

        var delay = TimeSpan.FromTicks(Math.Min(
            _options.RetryDelay.Ticks << Math.Min(job.StepTries - 1, 8), LongestRetryDelay.Ticks));
        return StepResult.WaitFor(delay);
    }

    private void Apply(StepContext step, StepResult result)
    {
        var job = step.Job;
        if (result.Event is not { } jobEvent)
        {
            job.NextRun = step.Now + result.Wait;
            return;
        }

        if (result.Reason is { } reason)
        {
            RecordFailure(step, reason);
        }
        else if (jobEvent == JobEvent.CancelRequested)
        {
            job.Message = "";
        }

        var next = JobStateMachine.For(job.Kind).Next(job.State, jobEvent)
            ?? throw new InvalidOperationException($"Step {job.State} of job {job.Id} answered {jobEvent}, which its state ignores.");
        _instruments.OnStepLeft(job.Kind.ToString(), job.State.ToString(), step.InStep);
        var left = JobMessages.StateOf(job);
        job.State = PassSkipped(step, next);
        var remark = result.Remark is { } text ? $" ({text})" : "";
        step.Info(jobEvent == JobEvent.CancelRequested ? "cancelling" : $"{left} → {JobMessages.StateOf(job)}{remark}");
        next = job.State;
        job.StepEntered = step.Now;
        job.NextRun = step.Now;
        job.StepTries = 0;
        job.FailingSince = null;
        if (JobStateMachine.IsEnd(next))
        {
            End(step);
        }
        else if (result.Reason is null && next is not (JobState.ReleasingGuest or JobState.Undoing or JobState.PuttingBack))
        {
            job.Message = "";
        }
    }

    /// <summary>The next state that has something to do.</summary>
    private JobState PassSkipped(StepContext step, JobState next)
    {
        var (job, machine) = (step.Job, JobStateMachine.For(step.Job.Kind));
        while (_steps.GetValueOrDefault((job.Kind, next))?.Skip(job) is { } skip)
        {
            step.Info($"{JobMessages.Words(next.ToString())} skipped: {skip.Reason}");
            next = machine.Next(next, skip.Event) ?? throw new InvalidOperationException($"Step {next} of job {job.Id} is skipped by {skip.Event}, which its state ignores.");
        }

        return next;
    }

    private static void RecordFailure(StepContext step, string reason)
    {
        // The first failure is the cause; what goes wrong while undoing is a note beside it.
        if (step.Job.State is JobState.ReleasingGuest or JobState.Undoing or JobState.PuttingBack)
        {
            step.Job.Note(reason);
        }
        else
        {
            step.Job.Message = reason;
        }

        step.Error($"{JobMessages.Words(step.Job.State.ToString())}: {reason}");
    }

    private static void End(StepContext step)
    {
        var job = step.Job;
        job.Ended = step.Now;
        job.Backup = job.Backup?.WithoutSecrets();
        job.Outcome = job.State switch
        {
            JobState.Succeeded when job.Warnings.Count > 0 => JobOutcome.Warning,
            JobState.Succeeded => JobOutcome.Succeeded,
            JobState.Warning => JobOutcome.Warning,
            JobState.Cancelled => JobOutcome.Cancelled,
            _ => JobOutcome.Failed,
        };
        job.Message = job.Outcome switch
        {
            JobOutcome.Succeeded => "",
            JobOutcome.Cancelled => "cancelled by an operator",
            JobOutcome.Warning => string.Join("; ", new[] { job.Message }.Concat(job.Warnings).Where(text => text.Length > 0).Distinct().Select(text => text.TrimEnd('.'))),
            _ => job.Message,
        };
    }
}
