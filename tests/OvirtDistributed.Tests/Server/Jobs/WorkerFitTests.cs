// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Workers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Modes in which not any worker will do: only those count that are there now, since rows of workers stay for ever.</summary>
[Collection(PostgresTests.Name)]
public sealed class WorkerFitTests(PostgresServer postgres)
{
    private readonly Guid _domainId = Guid.NewGuid();

    [Fact]
    public async Task MountInTheOwnClusterIsGone_AnotherClusterThatHasItNowReadsTheDisks()
    {
        await using var site = await StartAsync();
        var other = Guid.NewGuid();
        await AddWorkerAsync(site, "gone", mounts: true);
        site.Time.Advance(TimeSpan.FromMinutes(10));
        await AddWorkerAsync(site, "there", mounts: true, cluster: other);

        var id = await site.BackUpAsync(site.AddVm("web").Name, mode: TransportModes.ExportDomain);

        Assert.All((await site.DriveAsync(id, JobState.Copying).WithinDeadline()).Tasks, task => Assert.Equal(other, task.ClusterId));
    }

    [Fact]
    public async Task OnlyAWorkerThatIsGoneHasTheMount_NothingIsMade()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, "gone", mounts: true);
        var id = await site.BackUpAsync(site.AddVm("web").Name, mode: TransportModes.ExportDomain);
        site.Time.Advance(TimeSpan.FromMinutes(10));
        await AddWorkerAsync(site, "without", mounts: false);
        const string Reason = "no worker of cluster cluster that has export domain export1 mounted is on-line, gone was heard of last at ";

        await site.StepAsync(id);

        var job = await site.JobAsync(id);
        Assert.Equal(JobState.Preparing, job.State);
        Assert.StartsWith($"VM web cannot be backed up: {Reason}", job.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(nameof(IEngine.CreateSnapshotAsync), site.Engine.Calls);
        site.AddVm("db");
        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync("db", mode: TransportModes.ExportDomain));
        Assert.StartsWith($"VM db cannot be backed up: {Reason}", refused.Message, StringComparison.Ordinal);

        await site.Get<WorkerRegistry>().SeenAsync("gone", 1, TestSite.Token);
        await site.DriveAsync(id, JobState.Copying).WithinDeadline();
    }

    [Fact]
    public async Task MountGoesWhileTheJobCopies_TheJobSaysForWhomItWaits()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, "gone", mounts: true);
        var id = await site.BackUpAsync(site.AddVm("web").Name, mode: TransportModes.ExportDomain);
        await site.DriveAsync(id, JobState.Copying).WithinDeadline();
        site.Time.Advance(TimeSpan.FromMinutes(10));
        await AddWorkerAsync(site, "without", mounts: false);

        await site.StepAsync(id);

        Assert.StartsWith(
            "Nobody takes disk web_disk1: no worker of cluster cluster that has export domain export1 mounted is on-line, gone was heard of last at ",
            (await site.JobAsync(id)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AutoOnAnOldManager_TakesAWorkerVmOnlyIfItsWorkerIsThere(bool there)
    {
        await using var site = await StartAsync();
        site.Engine.ProductVersion = "4.1.9";
        var vm = site.AddVm("web");
        await site.AddWorkerVmAsync();
        site.Time.Advance(there ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(10));
        await AddWorkerAsync(site, "other", mounts: true);
        await site.ReadInventoryAsync();

        var (details, refusal) = await ChooseAsync(site, vm);

        Assert.Equal((null, there ? TransportModes.DiskAttachment : TransportModes.ExportDomain), (refusal, details.TransportMode));
        Assert.Equal(!there, details.TransportReason.Contains($"{TestSite.WorkerId} was heard of last at ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WorkerVmIsAwayAndNothingElseWorks_TheJobWaitsForIt()
    {
        await using var site = await StartAsync();
        site.AddVm("web");
        await site.AddWorkerVmAsync();
        var id = await site.BackUpAsync("web", mode: TransportModes.DiskAttachment);
        site.Time.Advance(TimeSpan.FromMinutes(10));

        await site.StepAsync(id);

        var job = await site.JobAsync(id);
        Assert.Equal((JobState.Preparing, JobOutcome.Running), (job.State, job.Outcome));
        Assert.Contains("no worker of cluster cluster that runs in another VM is on-line, worker-1 was heard of last at ", job.Message, StringComparison.Ordinal);
        await site.Get<WorkerRegistry>().SeenAsync(TestSite.WorkerId, 1, TestSite.Token);
        await site.DriveAsync(id, JobState.Copying).WithinDeadline();
    }

    private static async Task<(BackupDetails Details, string? Refusal)> ChooseAsync(TestSite site, EngineVm vm)
    {
        await using var database = site.Database();
        var manager = await database.Managers.AsNoTracking().SingleAsync(TestSite.Token);
        var presence = await site.Get<WorkerClusters>().LookAsync(database, TestSite.Token);
        return await BackupPlanner.ChooseModeAsync(database, manager, vm, site.Engine.Inventory.Clusters.Single(), new BackupDetails(), presence, TestSite.Token).WithinDeadline();
    }

    private async Task AddWorkerAsync(TestSite site, string name, bool mounts, Guid? cluster = null)
    {
        await using var context = site.Database();
        context.Workers.Add(new StoredWorker
        {
            Id = name,
            Name = name,
            ClusterId = cluster ?? site.ClusterId,
            TransportModes = TransportModes.All,
            ExportDomains = mounts ? [$"{_domainId}"] : [],
            LastSeen = site.Time.GetUtcNow(),
        });
        await context.SaveChangesAsync(TestSite.Token);
    }

    /// <summary>A server that has been up long enough for its workers to report.</summary>
    private async Task<TestSite> StartAsync()
    {
        var site = await TestSite.StartAsync(postgres).WithinDeadline();
        _ = site.Get<WorkerClusters>();
        site.Time.Advance(site.Options.HeartbeatInterval * 5);
        site.Engine.Inventory = site.Engine.Inventory with
        {
            StorageDomains =
            [
                .. site.Engine.Inventory.StorageDomains,
                new EngineStorageDomain(_domainId, "export1", "export", "nfs", 1 << 30, 0, [site.Engine.Inventory.DataCenters[0].Id]) { Location = "nfs.example:/export/dc" },
            ],
        };
        return site;
    }
}
