// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Drives every unfinished job on the server that leads. Also after a restart: what is unfinished is in the database.</summary>
internal sealed partial class JobRunner(
    IDbContextFactory<ServerDbContext> contexts, StepExecutor executor, JobSignal signal, Leadership leadership, ServerInstruments instruments,
    TimeProvider time, ServerOptions options, ILogger<JobRunner> logger) : BackgroundService
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<Guid, Task> _running = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var term = await leadership.WaitForTermAsync(stoppingToken);
            try
            {
                await DriveAsync(term.Token);
            }
            catch (OperationCanceledException) when (term.Token.IsCancellationRequested)
            {
                // Stopping, or another server leads now.
            }
            finally
            {
                await Task.WhenAll(_running.Values);
                _running.Clear();
            }
        }
    }

    private async Task DriveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Reap();
            try
            {
                await StartDueAsync(cancellationToken);
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                Log.LookFailed(logger, failure);
            }

            await signal.WaitAsync(LongestPause, time, cancellationToken);
        }
    }

    private void Reap()
    {
        foreach (var (job, run) in _running.ToList())
        {
            if (run.IsCompleted)
            {
                _running.Remove(job);
            }
        }
    }

    private async Task StartDueAsync(CancellationToken cancellationToken)
    {
        var free = options.MaxConcurrentSteps - _running.Count;
        if (free <= 0)
        {
            return;
        }

        var woken = signal.TakeWoken();
        var now = time.GetUtcNow();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var busy = _running.Keys.ToList();
        var due = await context.Jobs
            .Where(job => job.Outcome == JobOutcome.Running && !busy.Contains(job.Id) && (job.NextRun <= now || woken.Contains(job.Id)))
            .OrderBy(job => job.NextRun)
            .Select(job => job.Id)
            .Take(free)
            .ToListAsync(cancellationToken);
        instruments.OnRunningJobs(await context.Jobs.LongCountAsync(job => job.Outcome == JobOutcome.Running, cancellationToken));
        foreach (var job in due)
        {
            _running.Add(job, RunAsync(job, cancellationToken));
        }

        foreach (var job in woken.Where(job => busy.Contains(job) || (due.Count == free && !due.Contains(job))))
        {
            signal.Rewake(job);
        }
    }

    private async Task RunAsync(Guid jobId, CancellationToken cancellationToken)
    {
        await Task.Yield();
        try
        {
            // Steps that follow at once are run in one go; a wait, a failure or an end leaves the loop.
            while (await executor.RunStepAsync(jobId, cancellationToken))
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The job goes on from its stored state.
        }
        catch (Exception failure)
        {
            Log.StepNotSaved(logger, jobId, failure);
        }
        finally
        {
            signal.Release();
        }
    }
}
