// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Watching;

/// <summary>Waits for jobs while showing them. Ctrl-C ends the waiting, never the jobs.</summary>
internal sealed class JobWait
{
    private readonly CommandContext _context;
    private readonly Dictionary<string, Job> _latest;

    private JobWait(CommandContext context, IReadOnlyList<Job> jobs)
    {
        _context = context;
        _latest = jobs.ToDictionary(job => job.Id);
    }

    /// <summary>Returns the jobs in their order, all ended.</summary>
    /// <param name="context">The command.</param>
    /// <param name="jobs">Their states as known so far.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="jsonLines">In JSON mode, write every change as a line.</param>
    /// <exception cref="CliException">The waiting was interrupted.</exception>
    public static async Task<IReadOnlyList<Job>> RunAsync(
        CommandContext context, IReadOnlyList<Job> jobs, CancellationToken cancellationToken, bool jsonLines = false)
    {
        var wait = new JobWait(context, jobs);
        try
        {
            await wait.RunAsync(CreateView(context, jsonLines), cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw wait.Interrupted();
        }

        return [.. jobs.Select(job => wait._latest[job.Id])];
    }

    private static IJobView CreateView(CommandContext context, bool jsonLines)
    {
        if (context.Output.IsJson)
        {
            return new DocumentView(context.Output, jsonLines);
        }

        return context.Output.IsFancy ? new LiveView(context.Output.CreateLiveConsole(), context.Time) : new LineView(context.Output, context.Time);
    }

    private async Task RunAsync(IJobView view, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var updates = Channel.CreateBounded<JobUpdate>(new BoundedChannelOptions(64) { SingleReader = true });
        var feed = FeedAsync(updates.Writer, stop.Token);
        try
        {
            await view.ShowAsync(updates.Reader.ReadAllAsync(cancellationToken), cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await feed;
        }
    }

    /// <summary>Never throws: a failure goes through the channel to the reader.</summary>
    private async Task FeedAsync(ChannelWriter<JobUpdate> writer, CancellationToken cancellationToken)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watches = _latest.Keys.ToList().ConvertAll(id => WatchAsync(id, writer, all));
        try
        {
            await Task.WhenAll(watches);
            writer.Complete();
        }
        catch (Exception first)
        {
            // The watches that were stopped because of another one's failure must not hide it.
            var failures = watches.Where(watch => watch.IsFaulted).SelectMany(watch => watch.Exception!.InnerExceptions);
            writer.TryComplete(failures.FirstOrDefault(failure => failure is not OperationCanceledException) ?? first);
        }
    }

    private async Task WatchAsync(string id, ChannelWriter<JobUpdate> writer, CancellationTokenSource all)
    {
        try
        {
            await foreach (var update in new JobFeed(_context.Server, _context.Time).WatchAsync(id, all.Token))
            {
                if (update.Job is not null)
                {
                    lock (_latest)
                    {
                        _latest[id] = update.Job;
                    }
                }

                await writer.WriteAsync(update, all.Token);
            }
        }
        catch
        {
            // One watch that cannot go on ends them all, or the others would hide its failure until they end.
            await all.CancelAsync();
            throw;
        }
    }

    private CliException Interrupted()
    {
        List<Job> running;
        lock (_latest)
        {
            running = [.. _latest.Values.Where(job => !JobText.HasEnded(job))];
        }

        var ids = string.Join(' ', running.Select(job => ShortIds.Cut(job.Id)));
        var lines = new List<string>
        {
            running.Count == 1 ? "Stopped waiting; the job goes on." : $"Stopped waiting; {running.Count} jobs go on.",
            $"Watch with:  ovd job watch {ids}",
        };
        lines.AddRange(running.Select(job => $"Cancel with: ovd job cancel {ShortIds.Cut(job.Id)}"));
        return new CliException(ExitCode.Interrupted, "interrupted", string.Join('\n', lines));
    }
}
