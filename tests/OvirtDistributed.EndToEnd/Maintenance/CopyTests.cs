// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Maintenance;

/// <summary>Restore points go to a second repository with another key: only what it lacks is sent, and they restore from there alone.</summary>
public sealed class CopyTests(SharedServers servers, ITestOutputHelper output)
{
    private const string Offsite = "offsite";

    [Fact]
    public async Task PointsAreCopied_SecondOneIncrementallyAndBothRestoreAfterTheSourceIsGone()
    {
        using var directory = new TemporaryDirectory();
        await using var site = await StartAsync(directory);
        var disk = (await site.VmAsync("web")).DiskIds[0];
        var fullReference = await site.SaveReferenceAsync("web");
        var full = await site.BackUpAsync("web");
        await site.Engine.GuestWriteAsync(disk, 20 * MiB, Noise(1, (int)(3 * MiB)), CancellationToken.None);
        await site.Engine.GuestWriteAsync(disk, 70 * MiB, Noise(2, (int)MiB), CancellationToken.None);
        var reference = await site.SaveReferenceAsync("web");
        var incremental = await site.BackUpAsync("web");
        Assert.Equal("incremental", incremental.Mode);

        var first = await CopyAsync(site, full.PointId);
        var second = await CopyAsync(site, incremental.PointId);

        Assert.Equal(("full", "incremental"), (first.Mode, second.Mode));
        Assert.InRange(second.Progress.ReadBytes, 4 * MiB, 24 * MiB);
        Assert.True(first.Progress.ReadBytes > 60 * MiB, $"{first.Progress.ReadBytes} bytes read of the first point");
        var again = await Assert.ThrowsAsync<InvalidOperationException>(() => site.OvdAsync("point", "copy", full.PointId, "--to", Offsite));
        Assert.Contains("already", again.Message, StringComparison.Ordinal);

        _ = await site.OvdAsync("point", "remove", full.PointId);
        _ = await site.OvdAsync("point", "remove", incremental.PointId, "--last");
        Directory.Delete(Path.Combine(site.Lab.RepositoryDirectory, "packs"), recursive: true);
        await site.RestoresToAsync(first, fullReference);
        await site.RestoresToAsync(second, reference);
        Assert.Contains("is whole", await site.OvdAsync("point", "verify", second.PointId), StringComparison.Ordinal);
        await site.FinishAsync();
    }

    [Fact]
    public async Task WorkerKilledInTheMiddleOfACopy_AnotherOneGoesOnFromWhereItWas()
    {
        using var directory = new TemporaryDirectory();
        await using var site = await StartAsync(directory, diskMiB: 256, workers: 2);
        var reference = await site.SaveReferenceAsync("web");
        var backup = await site.BackUpAsync("web");

        // Slow enough that there is a middle, and that the limit shows.
        _ = await site.OvdAsync("point", "copy", backup.PointId, "--to", Offsite, "--max-rate", "12");
        var job = await FindAsync(site);
        var running = await site.Lab.WaitForAsync(
            job.Id, state => state.Tasks.Any(task => task.Progress is { ReadBytes: > 100 * MiB }), CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        Assert.True(running.Progress.Elapsed.ToTimeSpan() > TimeSpan.FromSeconds(7), $"100 MiB in {running.Progress.Elapsed} are more than 12 MiB/s");
        var busy = running.Tasks.Single().Worker;
        await site.Lab.Workers.Single(worker => worker.Name == busy).KillAsync();

        var ended = await site.SucceedsAsync(job);

        Assert.NotEqual(busy, ended.Tasks.Single().Worker);
        Assert.True(ended.Progress.ResumedBytes > 0, "the second worker has copied everything again");
        await site.RestoresToAsync(ended, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task CancelledCopy_LeavesNoPointAndCanBeMadeAgain()
    {
        using var directory = new TemporaryDirectory();
        await using var site = await StartAsync(directory);
        var reference = await site.SaveReferenceAsync("web");
        var backup = await site.BackUpAsync("web");
        _ = await site.OvdAsync("point", "copy", backup.PointId, "--to", Offsite, "--max-rate", "2");
        var job = await FindAsync(site);
        _ = await site.CopyingAsync(job);

        _ = await site.OvdAsync("job", "cancel", job.Id);
        var ended = await site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);

        Assert.Equal(JobOutcome.Cancelled, ended.Outcome);
        Assert.Contains("No restore points match", await site.OvdAsync("point", "list", "--repository", Offsite), StringComparison.Ordinal);
        await site.RestoresToAsync(await CopyAsync(site, backup.PointId), reference);
        await site.FinishAsync();
    }

    private async Task<TestSite> StartAsync(TemporaryDirectory directory, int diskMiB = 96, int workers = 1)
    {
        var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(diskMiB, filled: 0.8))), output, options => options with
        {
            WorkersPerCluster = workers,
            SlotsPerWorker = 1,
            DataMoverSettings = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                [$"DataMover:Repositories:{Offsite}:Path"] = directory.File(Offsite),
            },
        });
        try
        {
            _ = await site.OvdAsync("repository", "add", Offsite, "--mover", site.Lab.DataMover.GrpcAddress.GetLeftPart(UriPartial.Authority), "--create");
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    private static async Task<Job> CopyAsync(TestSite site, string pointId)
    {
        _ = await site.OvdAsync("point", "copy", pointId, "--to", Offsite, "--wait");
        var job = await FindAsync(site);
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        return job;
    }

    /// <summary>The newest copy job.</summary>
    private static async Task<Job> FindAsync(TestSite site)
    {
        var jobs = await site.Lab.Admin.Jobs.ListJobsAsync(new ListJobsRequest { Limit = 20 });
        return jobs.Jobs.Where(job => job.Kind == JobKind.Copy).MaxBy(job => job.Created.ToDateTimeOffset())!;
    }

    private static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
