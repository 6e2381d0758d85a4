// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Cli.Watching;
using OvirtDistributed.Contracts.Admin.V1;
using Spectre.Console;

namespace OvirtDistributed.Cli.Restore;

/// <summary>The views of a download.</summary>
internal static class DownloadView
{
    public static IDownloadView For(CommandContext context, PointDisk disk)
    {
        if (context.Output.IsJson)
        {
            return new Silent();
        }

        var name = Cell.Printable(disk.Alias.Length > 0 ? disk.Alias : disk.Id);
        return context.Output.IsFancy
            ? new Live(context.Output.CreateLiveConsole(), context.Time, name)
            : new Lines(context.Output, context.Time, name);
    }

    private static string Text(long position, long size, long data, double? rate)
    {
        var percent = size == 0 ? 100 : Math.Floor(100.0 * position / size);
        var text = $"{percent:0}%  {ByteText.Size(position)} of {ByteText.Size(size)}  {ByteText.Size(data)} data";
        return rate is { } known ? $"{text}  {ByteText.Rate(known)}" : text;
    }

    private sealed class Silent : IDownloadView
    {
        public Task RunAsync(long sizeBytes, Func<Action<long, long>, Task> work) => work((_, _) => { });
    }

    private sealed class Lines(OutputWriter output, TimeProvider time, string name) : IDownloadView
    {
        public Task RunAsync(long sizeBytes, Func<Action<long, long>, Task> work)
        {
            var rate = new RateMeter(time);
            var last = time.GetTimestamp();
            Write($"disk {name} reading {ByteText.Size(sizeBytes)}");
            return work((position, data) =>
            {
                rate.Add(data);
                if (time.GetElapsedTime(last) >= LineView.ProgressInterval)
                {
                    last = time.GetTimestamp();
                    Write($"disk {name} {Text(position, sizeBytes, data, rate.BytesPerSecond())}");
                }
            });
        }

        private void Write(string text) => output.Line($"{TimeText.Absolute(time.GetUtcNow())} {text}");
    }

    private sealed class Live(IAnsiConsole console, TimeProvider time, string name) : IDownloadView
    {
        private const int BarWidth = 24;
        private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(150);

        public Task RunAsync(long sizeBytes, Func<Action<long, long>, Task> work) =>
            console.Live(new Markup("…")).StartAsync(async display =>
            {
                var rate = new RateMeter(time);
                long? drawn = null;
                await work((position, data) =>
                {
                    rate.Add(data);
                    if (position < sizeBytes && drawn is { } last && time.GetElapsedTime(last) < RedrawInterval)
                    {
                        return;
                    }

                    drawn = time.GetTimestamp();
                    var (done, left) = ProgressBar.Draw(sizeBytes == 0 ? 1 : (double)position / sizeBytes, BarWidth);
                    display.UpdateTarget(new Markup(new StyledLine()
                        .Add(name + "  ")
                        .Add(done, Tone.Good)
                        .Add(left, Tone.Faint)
                        .Add("  " + Text(position, sizeBytes, data, rate.BytesPerSecond()))
                        .Markup));
                    display.Refresh();
                });
            });
    }
}
