// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace OvirtDistributed.Cli.Watching;

/// <summary>For a terminal: the jobs with a bar for each disk, redrawn in place.</summary>
internal sealed class LiveView(IAnsiConsole console, TimeProvider time) : IJobView
{
    private const int BarWidth = 24;

    private readonly List<Job> _jobs = [];
    private readonly Dictionary<string, RateMeter> _rates = [];
    private string? _notice;

    public Task ShowAsync(IAsyncEnumerable<JobUpdate> updates, CancellationToken cancellationToken) =>
        console.Live(new Text("…")).Overflow(VerticalOverflow.Ellipsis).StartAsync(async display =>
        {
            await foreach (var update in updates.WithCancellation(cancellationToken))
            {
                Take(update);
                display.UpdateTarget(Render());
                display.Refresh();
            }
        });

    private void Take(JobUpdate update)
    {
        _notice = update.Notice;
        if (update.Job is not { } job)
        {
            return;
        }

        var index = _jobs.FindIndex(known => known.Id == job.Id);
        if (index < 0)
        {
            _jobs.Add(job);
        }
        else
        {
            _jobs[index] = job;
        }

        foreach (var task in job.Tasks)
        {
            if (!_rates.TryGetValue(task.Id, out var rate))
            {
                rate = new RateMeter(time);
                _rates.Add(task.Id, rate);
            }

            rate.Add(task.Progress?.ProcessedBytes ?? 0);
        }
    }

    private Rows Render()
    {
        var parts = new List<IRenderable>();
        foreach (var job in _jobs)
        {
            parts.Add(Head(job));
            if (job.Tasks.Count > 0)
            {
                parts.Add(Disks(job));
            }
        }

        if (_notice is not null)
        {
            parts.Add(new Markup(new StyledLine().Add(Cell.Printable(_notice), Tone.Attention).Markup));
        }

        return new Rows(parts);
    }

    private Markup Head(Job job)
    {
        var (outcome, tone) = JobText.Outcome(job.Outcome);
        var line = new StyledLine()
            .Add(Cell.Printable(job.VmName), Tone.Heading)
            .Add($"  {JobText.Kind(job.Kind)} {ShortIds.Cut(job.Id)}  ")
            .Add(Cell.Printable(JobText.HasEnded(job) ? outcome : job.State), tone)
            .Add($"  {TimeText.Length(JobText.Duration(job, time))}", Tone.Faint);
        if (job.Message.Length > 0)
        {
            line.Add("  " + Cell.Printable(job.Message), tone);
        }

        return new Markup(line.Markup) { Overflow = Overflow.Ellipsis };
    }

    private Grid Disks(Job job)
    {
        var grid = new Grid();
        for (var column = 0; column < 4; column++)
        {
            grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(column == 0 ? 2 : 0, 0, 2, 0) });
        }

        foreach (var task in job.Tasks)
        {
            var rate = JobText.HasEnded(job) ? null : _rates[task.Id].BytesPerSecond();
            grid.AddRow(
                new Markup(new StyledLine().Add(Cell.Printable(task.DiskAlias.Length > 0 ? task.DiskAlias : task.DiskId)).Markup),
                new Markup(Bar(task)),
                new Markup(new StyledLine().Add(task.Progress is null ? "" : ProgressText.Line(task.Progress, rate)).Markup),
                new Markup(Remark(task)));
        }

        return grid;
    }

    private static string Bar(Contracts.Admin.V1.Task task)
    {
        var (done, left) = ProgressBar.Draw(JobText.Fraction(task.Progress) ?? 0, BarWidth);
        return new StyledLine().Add(done, Tone.Good).Add(left, Tone.Faint).Markup;
    }

    private static string Remark(Contracts.Admin.V1.Task task)
    {
        var line = new StyledLine().Add(Cell.Printable(task.State), Tone.Faint);
        if (task.Worker.Length > 0)
        {
            line.Add($" on {Cell.Printable(task.Worker)}", Tone.Faint);
        }

        if (task.Attempt > 1)
        {
            line.Add($", attempt {task.Attempt}", Tone.Attention);
        }

        return line.Markup;
    }
}
