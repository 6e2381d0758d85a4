// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What the repository lost, or cannot do just now, costs an attempt and not the backup.</summary>
[Collection(PostgresTests.Name)]
public sealed class RefusedCommitTests(PostgresServer postgres)
{
    [Fact]
    public async Task FramesAreMissing_DisksGetAnotherAttemptOnTheSameBackup()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm", disks: 2).Name);
        await site.RunToAsync(id, JobState.Committing);
        site.Mover.Arm(MoverFailure.MissingFrames);
        await site.StepAsync(id);
        Assert.True(site.Mover.AllFaultsFired);
        Assert.Equal(JobState.Copying, (await site.JobAsync(id)).State);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.All(job.Tasks, task => Assert.Equal(2, task.Attempt));
        Assert.All(job.Tasks, task => Assert.True(site.Mover.Fences[task.Id] > 1));
        Assert.Single(site.Engine.Backups);
        Assert.Single(site.Mover.PointsByJob);
        Assert.Empty(site.Engine.Leftovers());
    }

    [Fact]
    public async Task FramesStayMissing_JobFailsWithTheReasonAndLeavesNothing()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        for (var round = 0; round < 4; round++)
        {
            await site.RunToAsync(id, JobState.Committing);
            site.Mover.Arm(MoverFailure.MissingFrames);
            await site.StepAsync(id);
        }

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("MissingFrames", job.Message, StringComparison.Ordinal);
        Assert.Empty(site.Mover.PointsByJob);
        Assert.Empty(site.Engine.Leftovers());
    }

    [Fact]
    public async Task DataMoverAwayAfterALostAttempt_JobSaysWhatItWaitsForAndEndsWithTheBackup()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        await site.FailAsync(claim);
        site.Mover.Arm(MoverFailure.Unreachable);
        while (!site.Mover.AllFaultsFired)
        {
            await site.StepAsync(id);
        }

        var waiting = await site.JobAsync(id);
        Assert.Equal(JobState.Copying, waiting.State);
        Assert.Contains("waits for the Data Mover", waiting.Message, StringComparison.Ordinal);

        site.Mover.Arm(MoverFailure.Unreachable);
        var backup = Assert.Single(site.Engine.Backups);
        site.Engine.Backups[backup.Key].Phase = EngineBackupPhase.Failed;
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.True(site.Mover.AllFaultsFired);
        Assert.Contains("ended the backup", job.Message, StringComparison.Ordinal);
    }
}
