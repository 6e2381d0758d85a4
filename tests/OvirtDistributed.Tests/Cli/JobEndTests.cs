// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>What is said of jobs that have ended.</summary>
public sealed class JobEndTests
{
    [Theory]
    [InlineData(JobKind.Restore, 0, "  2.0 GiB read from the repository, 3.0 GiB written, 114 MiB/s", "Read from the repository: +2.0 GiB")]
    [InlineData(JobKind.Restore, 8, "  2.0 GiB read from the repository, 8.0 GiB read from the VM's disk, 3.0 GiB written, 114 MiB/s", "Read from the VM's disk: +8.0 GiB")]
    [InlineData(JobKind.Verify, 7, "  2.0 GiB read from the repository, 7.0 GiB of data proven, 114 MiB/s", "Data proven: +7.0 GiB")]
    public async Task Summary_SaysWhatWasReadWhere(JobKind kind, int readGiB, string summary, string amounts)
    {
        var installation = Samples.Installation();
        var job = Samples.EndedJob(JobOutcome.Succeeded);
        (job.Kind, job.Mode) = (kind, "");
        job.Progress = new Progress
        {
            TotalBytes = 8L << 30,
            ProcessedBytes = 8L << 30,
            SentBytes = 2L << 30,
            ReadBytes = (long)readGiB << 30,
            WrittenBytes = 3L << 30,
            Elapsed = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromSeconds(72)),
        };
        installation.Jobs[0] = job;
        installation.OpenWatch().TryWrite(job);
        await using var server = await FakeBackupServer.StartAsync(installation);

        var watched = await CliRun.OvdAsync(server, "job", "watch", Samples.JobId);
        var shown = await CliRun.OvdAsync(server, "job", "show", Samples.JobId);

        Assert.Contains(summary, watched.Out.Split('\n'));
        Assert.Matches(amounts, shown.Out);
    }

    [Theory]
    [InlineData(JobOutcome.Succeeded, "", "succeeded at 2026-01-15T02:04:05Z (1 h ago), restore point 7b1d22aa.")]
    [InlineData(JobOutcome.Warning, "The manager keeps a lock.", "succeeded, with a warning at 2026-01-15T02:04:05Z (1 h ago), restore point 7b1d22aa: The manager keeps a lock.")]
    [InlineData(JobOutcome.Failed, "No space.", "failed at 2026-01-15T02:04:05Z (1 h ago), restore point 7b1d22aa: No space.")]
    public async Task CancelTooLate_SaysHowAndWhenItEnded(JobOutcome outcome, string message, string expected)
    {
        var installation = Samples.Installation();
        var job = installation.Jobs[0];
        (job.Outcome, job.Message, job.PointId) = (outcome, message, Samples.PointId);
        var run = new CliRun();
        job.Ended = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(run.Time.GetUtcNow() - TimeSpan.FromHours(1));
        await using var server = await FakeBackupServer.StartAsync(installation);

        await run.RunAsync(server.Address, CancellationToken.None, "job", "cancel", "3f2a");

        Assert.Equal($"Job 3f2a9c1e had ended before it could be cancelled: {expected}\n", run.Out);
    }
}
