// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.Tests.Server.Support.CommandDriver;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Commands around the moment: in which order, and that the one after it runs whatever happens.</summary>
[Collection(PostgresTests.Name)]
public sealed class BackupCommandTests(PostgresServer postgres)
{
    private static readonly BackupCommands Both = new()
    {
        Pre = new CommandLine("quiesce", ["db"]),
        Post = new CommandLine("release", ["db", "--now"]),
        TimeLimit = TimeSpan.FromSeconds(90),
    };

    [Theory]
    [InlineData(TransportModes.Cbt)]
    [InlineData(TransportModes.ImageTransfer)]
    public async Task Commands_RunAroundTheMomentAndDisksWaitForThem(string mode)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await BackUpAsync(site, Both, mode);

        await site.DriveAsync(id, JobState.RunningPreCommand);
        var pre = await OrderAsync(site, id, CommandPhase.Pre);
        Assert.Equal(("quiesce", "pre", "", 90L), (pre.Order.Command.Name, pre.Order.Command.Phase, pre.Order.Command.Result, pre.Order.Command.TimeLimit.Seconds));
        Assert.Empty(site.Engine.Backups);
        Assert.Empty(site.Engine.Snapshots);
        await EndAsync(site, pre.Claim, 0);
        await site.DriveAsync(id, JobState.RunningPostCommand);
        var post = await OrderAsync(site, id, CommandPhase.Post);
        Assert.Equal(["db", "--now"], post.Order.Command.Arguments);
        Assert.Equal(("post", "taken"), (post.Order.Command.Phase, post.Order.Command.Result));
        var disk = Assert.Single((await site.JobAsync(id)).Tasks);
        Assert.False((await site.Get<TaskLeases>().AcquireAsync("worker-2", disk.Id, disk.Attempt, TestSite.Token)).Granted);
        await using (var context = site.Database())
        {
            Assert.False(await context.Outbox.AnyAsync(offer => offer.TaskId == disk.Id, TestSite.Token));
        }

        await EndAsync(site, post.Claim, 0);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Single(await LogAsync(site, id, "post-command release ended with exit code 0; its output:\nall is well"));
    }

    [Fact]
    public async Task PreCommandFails_NothingIsTakenAndPostRunsAllTheSame()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await BackUpAsync(site, Both);
        await site.DriveAsync(id, JobState.RunningPreCommand);
        await EndAsync(site, (await OrderAsync(site, id, CommandPhase.Pre)).Claim, 7);

        await site.DriveAsync(id, JobState.ReleasingGuest);
        var post = await OrderAsync(site, id, CommandPhase.Post);
        Assert.Equal("failed", post.Order.Command.Result);
        await EndAsync(site, post.Claim, 0);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Equal("The pre-command quiesce ended with exit code 7, last line of its output: all is well.", job.Message);
        Assert.DoesNotContain("StartBackupAsync", site.Engine.Calls);
    }

    [Fact]
    public async Task PreCommandFailsAndMayFail_BackupIsAWarning()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await BackUpAsync(site, Both with { Post = null, ContinueAfterFailedPre = true });
        await site.DriveAsync(id, JobState.RunningPreCommand);
        await EndAsync(site, (await OrderAsync(site, id, CommandPhase.Pre)).Claim, 7);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("exit code 7", Assert.Single(job.Warnings), StringComparison.Ordinal);
        Assert.Single(job.Tasks);
    }

    [Fact]
    public async Task WorkerLostInThePreCommand_IsNotRepeatedAndPostRuns()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await BackUpAsync(site, Both);
        await site.DriveAsync(id, JobState.RunningPreCommand);
        _ = await OrderAsync(site, id, CommandPhase.Pre);
        site.Time.Advance(TimeSpan.FromMinutes(5));

        await site.DriveAsync(id, JobState.ReleasingGuest);
        await EndAsync(site, (await OrderAsync(site, id, CommandPhase.Post)).Claim, 0);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("pre-command quiesce did not run to its end", job.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await TaskAsync(site, id, CommandPhase.Pre)).Attempt);
    }

    [Fact]
    public async Task WorkerLostInThePostCommand_IsRepeatedOnceAndThenAWarning()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await BackUpAsync(site, Both with { Pre = null });
        await site.DriveAsync(id, JobState.RunningPostCommand);
        var first = await OrderAsync(site, id, CommandPhase.Post);
        site.Time.Advance(TimeSpan.FromMinutes(5));
        await site.StepAsync(id);
        var second = await OrderAsync(site, id, CommandPhase.Post);
        Assert.Equal((1, 2), (first.Claim.Attempt, second.Claim.Attempt));
        Assert.False(await site.Get<TaskLeases>().ReportCommandAsync(first.Claim, new CommandResult(0, false, "", false), TestSite.Token));
        Assert.True(await site.FailAsync(second.Claim));

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("post-command release did not run to its end", Assert.Single(job.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CancelledDuringThePreCommand_WorkerIsToldAndPostRuns()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await BackUpAsync(site, Both);
        await site.DriveAsync(id, JobState.RunningPreCommand);
        var pre = await OrderAsync(site, id, CommandPhase.Pre);
        Assert.Equal(LeaseRenewal.Renewed, await site.Get<TaskLeases>().RenewAsync(pre.Claim, 1, TaskStatistics.Empty, TestSite.Token));
        await using (var context = site.Database())
        {
            await context.Jobs.ExecuteUpdateAsync(set => set.SetProperty(job => job.CancelRequested, true), TestSite.Token);
        }

        await site.DriveAsync(id, JobState.ReleasingGuest);
        Assert.Equal(LeaseRenewal.Cancel, await site.Get<TaskLeases>().RenewAsync(pre.Claim, 2, TaskStatistics.Empty, TestSite.Token));
        await site.StepAsync(id);
        Assert.Null(await FindAsync(site, id, CommandPhase.Post));
        Assert.True(await site.FailAsync(pre.Claim, "Cancelled"));
        await site.StepAsync(id);
        var post = await OrderAsync(site, id, CommandPhase.Post);
        Assert.Equal("cancelled", post.Order.Command.Result);
        Assert.Equal(LeaseRenewal.Renewed, await site.Get<TaskLeases>().RenewAsync(post.Claim, 1, TaskStatistics.Empty, TestSite.Token));
        await EndAsync(site, post.Claim, 0);

        Assert.Equal(JobOutcome.Cancelled, (await site.RunToEndAsync(id).WithinDeadline()).Outcome);
    }

    [Fact]
    public async Task ManagerRefusesTheSnapshot_PostRunsAndTheCauseStays()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.Arm("CreateSnapshot", FaultMoment.Before, EngineFailure.Refused);
        var id = await BackUpAsync(site, Both with { Pre = null }, TransportModes.ImageTransfer);

        await site.DriveAsync(id, JobState.ReleasingGuest);
        await site.StepAsync(id);
        await EndAsync(site, (await OrderAsync(site, id, CommandPhase.Post)).Claim, 9);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("took no snapshot", job.Message, StringComparison.Ordinal);
        Assert.Contains(job.Notes, note => note.Contains("post-command release ended with exit code 9", StringComparison.Ordinal));
    }

    [Fact]
    public async Task NobodyTakesThePreCommand_FailsAndSaysWhatToDo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await BackUpAsync(site, Both with { Post = null });
        await site.DriveAsync(id, JobState.RunningPreCommand);
        await site.StepAsync(id);
        site.Time.Advance(site.Options.CommandPatience + TimeSpan.FromSeconds(1));

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("no worker of the cluster took it", job.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../sh", 60, "commands.pre.name '../sh'")]
    [InlineData("", 60, "commands.pre.name is needed")]
    [InlineData("quiesce", 0, "commands.time_limit")]
    [InlineData("quiesce", 7200, "commands.time_limit '02:00:00'")]
    public async Task CommandThatCannotBeRun_IsRefusedAtOnce(string name, int seconds, string expected)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();

        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => BackUpAsync(site, new BackupCommands { Pre = new CommandLine(name, []), TimeLimit = TimeSpan.FromSeconds(seconds) }));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    private static async Task<Guid> BackUpAsync(TestSite site, BackupCommands commands, string mode = TransportModes.Auto)
    {
        var vm = site.AddVm("vm");
        await site.ReadInventoryAsync();
        var request = new BackupRequest(VmSelection.Of(vm.Name), "", "", false, "", "") { Commands = commands, TransportMode = mode };
        return (await site.Get<JobAdmission>().AdmitBackupAsync(request, TestSite.Token)).Jobs[0];
    }
}
