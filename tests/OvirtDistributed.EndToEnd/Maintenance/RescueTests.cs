// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Processes;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Maintenance;

/// <summary>Bytes of a repository change on its disk, and its Data Mover goes away: restores read from a copy in another repository, at another Data Mover.</summary>
public sealed class RescueTests(SharedServers servers, ITestOutputHelper output)
{
    private const string Offsite = "offsite";

    [Fact]
    public async Task CopyWithAnotherKey_GivesWhatIsDamagedRepairsItAndStandsInForTheWholeRepository()
    {
        using var directory = new TemporaryDirectory();
        await using var site = await StartAsync(directory);
        var reference = await site.SaveReferenceAsync("web");
        var backup = await site.BackUpAsync("web");
        var copy = await CopyAsync(site, backup.PointId);
        var damaged = StoredFrames.Damage(site.Lab.RepositoryDirectory, FrameKind.Chunk, every: 25);

        await site.RestoresToAsync(backup, reference);

        var restore = await NewestAsync(site, JobKind.Restore);
        var source = Assert.Single(Assert.Single(restore.Tasks).Rescue.Sources);
        Assert.Equal((Offsite, source.Objects, 0L), (source.Repository, source.RepairedObjects, source.BytesOnItsWord));

        // One that stands twice in the disk close together is asked for again before it is repaired.
        Assert.InRange(source.Objects, damaged, damaged + 4);
        Assert.Contains(restore.Notes, note => note.Contains($"came from repository {Offsite}", StringComparison.Ordinal));
        Assert.Contains("Taken from copies", await site.OvdAsync("job", "show", restore.Id), StringComparison.Ordinal);
        Assert.Contains("succeeded", await site.OvdAsync("point", "verify", backup.PointId, "--content", "--wait"), StringComparison.Ordinal);

        StoredFrames.Damage(site.Lab.RepositoryDirectory, FrameKind.Chunk, every: 40);
        Assert.Contains("succeeded", await site.OvdAsync("point", "verify", backup.PointId, "--content", "--repair", "--wait"), StringComparison.Ordinal);
        Assert.Contains("is whole", await site.OvdAsync("point", "verify", backup.PointId), StringComparison.Ordinal);

        await RestoresWhileItsDataMoverDiesAsync(site, backup, reference);
        var file = Path.Combine(site.Lab.DataDirectory, "downloaded.raw");
        Assert.Contains($"Data came from {Offsite}", await site.OvdAsync("restore", "disk", backup.PointId, "--to-file", file), StringComparison.Ordinal);
        await ChildProcess.RunAsync("cmp", [file, reference[0]], null, TestContext.Current.CancellationToken).WithinDeadline();

        await site.RestoresToAsync(backup, reference);
        var standIn = await NewestAsync(site, JobKind.Restore);
        Assert.Equal((Offsite, copy.PointId), (standIn.Repository, standIn.PointId));
        Assert.Contains(standIn.Notes, note => note.Contains($"Restored from the copy {copy.PointId}", StringComparison.Ordinal));
        await site.FinishAsync();
    }

    [Fact]
    public async Task Replica_TakesOnlyWhatIsMissingResumesAfterAKillAndRepairsAlsoTheMap()
    {
        using var directory = new TemporaryDirectory();
        await using var site = await StartAsync(directory, "--replica-of", LabSite.RepositoryName);
        var backup = await site.BackUpAsync("web");

        // Slow enough that there is a middle.
        _ = await site.OvdAsync("point", "copy", backup.PointId, "--to", Offsite, "--max-rate", "8");
        var job = await NewestAsync(site, JobKind.Copy);
        var running = await site.Lab.WaitForAsync(
            job.Id, state => state.Tasks.Any(task => task.Progress is { ProcessedBytes: > 48 * MiB }), CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        var busy = running.Tasks.Single().Worker;
        await site.Lab.Workers.Single(worker => worker.Name == busy).KillAsync();
        var first = await site.SucceedsAsync(job);
        Assert.NotEqual(busy, first.Tasks.Single().Worker);
        Assert.True(first.Progress.ResumedBytes > 0, "the second worker has copied everything again");
        Assert.Equal("replica", first.Progress.Route);

        await site.Engine.GuestWriteAsync((await site.VmAsync("web")).DiskIds[0], 20 * MiB, Noise(1, (int)(2 * MiB)), CancellationToken.None);
        var reference = await site.SaveReferenceAsync("web");
        var incremental = await site.BackUpAsync("web");
        var second = await CopyAsync(site, incremental.PointId);
        Assert.Equal("incremental", second.Mode);
        Assert.InRange(second.Progress.SentBytes, 2 * MiB, 3 * MiB);
        await site.RestoresToAsync(second, reference);

        StoredFrames.Damage(site.Lab.RepositoryDirectory, FrameKind.Chunk, every: 30);
        StoredFrames.Damage(site.Lab.RepositoryDirectory, FrameKind.MapPage);
        await site.RestoresToAsync(incremental, reference);
        var source = Assert.Single(Assert.Single((await NewestAsync(site, JobKind.Restore)).Tasks).Rescue.Sources);
        Assert.Equal((source.Objects, 0L), (source.RepairedObjects, source.BytesOnItsWord));
        Assert.Contains("succeeded", await site.OvdAsync("point", "verify", incremental.PointId, "--content", "--wait"), StringComparison.Ordinal);
        await site.FinishAsync();
    }

    private static async Task RestoresWhileItsDataMoverDiesAsync(TestSite site, Job backup, IReadOnlyList<string> reference)
    {
        var slow = site.SlowWrites(TimeSpan.FromMilliseconds(200));
        var job = await site.Lab.StartRestoreAsync(new RestoreVmRequest { Point = backup.PointId, Name = "half-way" }, CancellationToken.None).WithinDeadline();
        _ = await site.Lab.WaitForAsync(
            job.Id, state => state.Tasks.Any(task => task.Progress is { ProcessedBytes: > 8 * MiB }), CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        await site.Lab.DataMover.KillAsync();
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        var ended = await site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);

        await site.WriteLogAsync(ended.Id);
        Assert.Equal((JobOutcome.Warning, LabSite.RepositoryName, 1), (ended.Outcome, ended.Repository, ended.Tasks.Single().Attempt));
        var rescue = ended.Tasks.Single().Rescue;
        Assert.InRange(Assert.Single(rescue.Sources).Bytes, 1, 104 * MiB);
        Assert.NotEmpty(rescue.Unreachable);
        await site.HoldsAsync("half-way", [.. (await site.Lab.Admin.Points.GetPointAsync(new GetPointRequest { Id = backup.PointId })).Point.Disks.Select(disk => disk.Alias)], reference);
    }

    /// <summary>Two Data Movers, each with a repository.</summary>
    private async Task<TestSite> StartAsync(TemporaryDirectory directory, params string[] options)
    {
        var site = await TestSite.StartAsync(
            servers, OneCluster(Running("web", Disk(112, filled: 0.8))), output, lab => lab with { WorkersPerCluster = 2, SlotsPerWorker = 1 });
        try
        {
            var mover = await site.Lab.AddDataMoverAsync("datamover-2", Offsite, directory.File(Offsite), CancellationToken.None).WithinDeadline();
            _ = await site.OvdAsync(["repository", "add", Offsite, "--mover", mover.GrpcAddress.GetLeftPart(UriPartial.Authority), "--create", .. options]);
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
        return await NewestAsync(site, JobKind.Copy);
    }

    private static async Task<Job> NewestAsync(TestSite site, JobKind kind)
    {
        var jobs = await site.Lab.Admin.Jobs.ListJobsAsync(new ListJobsRequest { Limit = 20 });
        return jobs.Jobs.Where(job => job.Kind == kind).MaxBy(job => job.Created.ToDateTimeOffset())!;
    }

    private static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
