// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Workers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>A cluster without workers: it is said at once, and nothing is opened on the manager for a worker that may not come.</summary>
[Collection(PostgresTests.Name)]
public sealed class WorkerPresenceTests(PostgresServer postgres)
{
    private static readonly string[] Openings = ["StartBackupAsync", "CreateSnapshotAsync", "StopVmAsync", "CreateDiskAsync", "FreezeAsync", "FreezeFileSystemsAsync"];

    [Fact]
    public async Task BackupAndPlan_AreRefusedWithTheSameWords()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Options.EmbeddedWorkers.Clear();
        site.AddVm("web");
        await site.ReadInventoryAsync();

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync("web"));

        Assert.Equal(FailureKind.WrongState, refused.Kind);
        Assert.StartsWith($"VM web cannot be backed up: cluster cluster has no worker: start one with Worker:ClusterId {site.ClusterId} (", refused.Message, StringComparison.Ordinal);
        var plan = Assert.Single((await site.Get<BackupPreview>().PlanAsync(Request("web"), TestSite.Token)).Plans);
        Assert.Equal(refused.Message, $"VM web cannot be backed up: {plan.Refusal}.");
        Assert.NotNull(plan.Plan);
        await using var context = site.Database();
        Assert.Equal(0, await context.Jobs.CountAsync(TestSite.Token));
    }

    [Fact]
    public async Task WorkerThatWasNotHeardOf_IsNamedWithItsTime()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Options.EmbeddedWorkers.Clear();
        site.AddVm("web");
        await RegisterAsync(site);
        await site.BackUpAsync("web");
        await using (var context = site.Database())
        {
            await context.Jobs.ExecuteDeleteAsync(TestSite.Token);
        }

        site.Time.Advance(TimeSpan.FromMinutes(10));

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync("web"));
        Assert.Contains("no worker of cluster cluster is on-line, worker-1 was heard of last at ", refused.Message, StringComparison.Ordinal);
        await site.Get<WorkerRegistry>().SeenAsync(TestSite.WorkerId, 1, TestSite.Token);
        await site.BackUpAsync("web");
    }

    [Fact]
    public async Task ServerWasDownForLong_ItsWorkersCountAsThereUntilTheyCouldReport()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Options.EmbeddedWorkers.Clear();
        await RegisterAsync(site, heardOf: site.Time.GetUtcNow() - TimeSpan.FromDays(1));
        site.AddVm("web");

        await site.BackUpAsync("web");

        site.Time.Advance(site.Options.HeartbeatInterval * 5);
        site.AddVm("db");
        await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync("db"));
    }

    [Theory]
    [InlineData(TransportModes.Cbt)]
    [InlineData(TransportModes.ImageTransfer)]
    public async Task WorkerVanishesAfterAdmission_NothingIsOpenedUntilItIsBack(string mode)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web", status: "up");
        var id = await site.BackUpAsync("web", mode: mode);
        site.Options.EmbeddedWorkers.Clear();
        await WaitsAsync(site, id, JobState.Preparing, "VM web cannot be backed up: cluster cluster has no worker");

        await RegisterAsync(site);
        await site.DriveAsync(id, JobState.StartingBackup);
        Assert.Equal("", (await site.JobAsync(id)).Message);
        site.Time.Advance(TimeSpan.FromMinutes(10));
        await WaitsAsync(site, id, JobState.StartingBackup, "no worker of cluster cluster is on-line");

        await site.Get<WorkerRegistry>().SeenAsync(TestSite.WorkerId, 1, TestSite.Token);
        var job = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
    }

    [Fact]
    public async Task VmWasStartedWhileItsBackupWaited_IsReadAgain()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("web");
        var id = await site.BackUpAsync("web");
        site.Options.EmbeddedWorkers.Clear();
        await RegisterAsync(site);
        await site.DriveAsync(id, JobState.StartingBackup);
        site.Time.Advance(TimeSpan.FromMinutes(10));
        await WaitsAsync(site, id, JobState.StartingBackup, "no worker of cluster cluster is on-line");
        site.Engine.Vms[vm.Id] = vm with { Status = "up" };

        await site.Get<WorkerRegistry>().SeenAsync(TestSite.WorkerId, 1, TestSite.Token);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.True(job.Backup!.RequireConsistency, "the VM was taken for one that is down");
    }

    [Fact]
    public async Task RestoreThatWaitedForAWorker_GivesItsVmTheTimeToGoDown()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("web");
        var point = (await site.RunToEndAsync(await site.BackUpAsync("web")).WithinDeadline()).PointId!;
        site.Engine.Vms[vm.Id] = vm with { Status = "up" };
        await site.ReadInventoryAsync();
        site.Engine.Calls.Clear();
        var id = await site.Get<RestoreAdmission>().AdmitAsync(new RestoreRequest { Point = point, Scope = RestoreScope.Overwrite, PowerOff = true }, TestSite.Token);
        site.Options.EmbeddedWorkers.Clear();
        await WaitsAsync(site, id, JobState.Preparing, "has no worker");
        site.Time.Advance(TimeSpan.FromMinutes(5));
        await RegisterAsync(site);

        Assert.Equal(JobState.SecuringVm, (await site.DriveAsync(id, JobState.SecuringVm).WithinDeadline()).State);
        Assert.Equal("down", site.Engine.Vms[vm.Id].Status);
    }

    [Fact]
    public async Task WorkerVanishesBeforeItTakesADisk_TheJobSaysForWhomItWaits()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web");
        var id = await site.BackUpAsync("web");
        await site.DriveAsync(id, JobState.Copying);
        site.Options.EmbeddedWorkers.Clear();

        await site.StepAsync(id);
        Assert.StartsWith("Nobody takes disk web_disk1: cluster cluster has no worker: start one", (await site.JobAsync(id)).Message, StringComparison.Ordinal);

        await RegisterAsync(site);
        var job = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
    }

    [Fact]
    public async Task ManyJobsWaitForAWorker_TheyLookForItEverySomeSeconds()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web");
        var id = await site.BackUpAsync("web");
        await site.DriveAsync(id, JobState.Copying);
        site.Options.EmbeddedWorkers.Clear();
        await site.StepAsync(id);
        await RegisterAsync(site);

        site.Time.Advance(TimeSpan.FromSeconds(1));
        await site.StepAsync(id);
        Assert.StartsWith("Nobody takes disk", (await site.JobAsync(id)).Message, StringComparison.Ordinal);
        await using var database = site.Database();
        Assert.Null((await site.Get<WorkerClusters>().LookAsync(database, TestSite.Token)).ExplainUnmanned(new WorkerNeed(site.ClusterId)));

        site.Time.Advance(TimeSpan.FromSeconds(5));
        await site.StepAsync(id);
        Assert.Equal("", (await site.JobAsync(id)).Message);
    }

    [Fact]
    public async Task PlannedRestoreWhileTheWorkerIsAway_IsRefusedWithThatReasonAndHoldsOnceItIsBack()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web");
        var point = (await site.RunToEndAsync(await site.BackUpAsync("web")).WithinDeadline()).PointId!;
        var digest = (await site.Get<RestorePreview>().PlanAsync(new RestoreRequest { Point = point, Name = "restored" }, TestSite.Token)).Digest;
        var worker = site.Options.EmbeddedWorkers[0];
        site.Options.EmbeddedWorkers.Clear();

        var apply = () => site.Get<RestorePreview>().ApplyAsync(digest, ofOneDisk: false, lossAccepted: false, "", TestSite.Token);

        var refused = await Assert.ThrowsAsync<OperatorException>(apply);
        Assert.Equal(FailureKind.WrongState, refused.Kind);
        Assert.StartsWith("Nobody would write the disks, because cluster cluster has no worker: start one", refused.Message, StringComparison.Ordinal);
        site.Options.EmbeddedWorkers.Add(worker);
        Assert.NotEqual(Guid.Empty, await apply());
    }

    [Fact]
    public async Task WorkerDoesNotComeBack_TheJobFailsWithTheReason()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web");
        var id = await site.BackUpAsync("web");
        site.Options.EmbeddedWorkers.Clear();
        await WaitsAsync(site, id, JobState.Preparing, "has no worker");

        site.Time.Advance(site.Options.StepPatience + TimeSpan.FromSeconds(1));
        var job = await site.DriveAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.StartsWith("VM web cannot be backed up: cluster cluster has no worker", job.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(site.Engine.Calls, Openings.Contains);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WorkerWasNotHeardOfSinceThePreCommand_TheApplicationWaitsForOneHeartbeatOnly(bool reports)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web");
        await site.ReadInventoryAsync();
        var request = Request("web") with { Commands = new BackupCommands { Pre = new CommandLine("quiesce", []) } };
        var id = (await site.Get<JobAdmission>().AdmitBackupAsync(request, TestSite.Token)).Jobs[0];
        await site.DriveAsync(id, JobState.RunningPreCommand);
        var (claim, _) = await CommandDriver.OrderAsync(site, id, CommandPhase.Pre);
        await CommandDriver.EndAsync(site, claim, exitCode: 0);
        await site.DriveAsync(id, JobState.StartingBackup).WithinDeadline();
        site.Options.EmbeddedWorkers.Clear();
        await RegisterAsync(site);
        site.Time.Advance(TimeSpan.FromMinutes(10));
        await WaitsAsync(site, id, JobState.StartingBackup, "no worker of cluster cluster is on-line");

        site.Time.Advance(site.Options.HeartbeatInterval * 1.5);
        if (reports)
        {
            await site.Get<WorkerRegistry>().SeenAsync(TestSite.WorkerId, 1, TestSite.Token);
            await site.DriveAsync(id, JobState.Copying).WithinDeadline();
            return;
        }

        await WaitsAsync(site, id, JobState.StartingBackup, "no worker of cluster cluster is on-line");
        site.Time.Advance(site.Options.HeartbeatInterval);
        var job = await site.DriveAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("no worker of cluster cluster is on-line", job.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(site.Engine.Calls, Openings.Contains);
    }

    [Fact]
    public async Task RestoreAndItsPlan_AreRefusedAndARunningVmStaysOn()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("web");
        var point = (await site.RunToEndAsync(await site.BackUpAsync("web")).WithinDeadline()).PointId!;
        site.Engine.Vms[vm.Id] = vm with { Status = "up" };
        await site.ReadInventoryAsync();
        site.Engine.Calls.Clear();
        var request = new RestoreRequest { Point = point, Scope = RestoreScope.Overwrite, PowerOff = true };
        var id = await site.Get<RestoreAdmission>().AdmitAsync(request, TestSite.Token);
        site.Options.EmbeddedWorkers.Clear();

        await WaitsAsync(site, id, JobState.Preparing, "VM web cannot be restored now: cluster cluster has no worker");
        await site.StepAsync(id);
        Assert.Equal("up", site.Engine.Vms[vm.Id].Status);
        site.Time.Advance(site.Options.StepPatience + TimeSpan.FromSeconds(1));
        Assert.Equal(JobOutcome.Failed, (await site.DriveAsync(id).WithinDeadline()).Outcome);

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestoreAdmission>().AdmitAsync(request, TestSite.Token));
        Assert.Equal((FailureKind.WrongState, "Nobody would write the disks, because cluster cluster has no worker"), (refused.Kind, refused.Message.Split(':')[0]));
        var plan = await site.Get<RestorePreview>().PlanAsync(request, TestSite.Token);
        Assert.Equal([refused.Message], plan.Plan.Problems);
        Assert.Equal("", plan.Digest);
    }

    private static BackupRequest Request(string vm) => new(VmSelection.Of(vm), "", "", false, "", "");

    /// <summary>The job stays where it is with a message for the operator, and the manager is only read.</summary>
    private static async Task WaitsAsync(TestSite site, Guid id, JobState state, string message)
    {
        for (var round = 0; round < 3; round++)
        {
            await site.StepAsync(id);
        }

        var job = await site.JobAsync(id);
        Assert.Equal((state, JobOutcome.Running), (job.State, job.Outcome));
        Assert.Contains(message, job.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(site.Engine.Calls, Openings.Contains);
    }

    private static async Task RegisterAsync(TestSite site, DateTimeOffset? heardOf = null)
    {
        _ = site.Get<WorkerClusters>(); // The server is up.
        await using var context = site.Database();
        context.Workers.Add(new StoredWorker
        {
            Id = TestSite.WorkerId,
            Name = TestSite.WorkerId,
            ClusterId = site.ClusterId,
            LastSeen = heardOf ?? site.Time.GetUtcNow(),
        });
        await context.SaveChangesAsync(TestSite.Token);
    }
}
