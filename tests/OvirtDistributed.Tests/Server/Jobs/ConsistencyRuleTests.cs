// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What a request wants of the guest's file systems, and that nobody gets less without knowing.</summary>
[Collection(PostgresTests.Name)]
public sealed class ConsistencyRuleTests(PostgresServer postgres)
{
    [Theory]
    [InlineData(nameof(EngineFailure.GuestNotFrozen))]
    [InlineData(nameof(EngineFailure.Failed))]
    public async Task RequiredAndGuestCannotBeFrozen_FailsWithoutASecondStart(string failure)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.BackupFailures.Enqueue(new EngineException(Enum.Parse<EngineFailure>(failure), "no agent"));

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, consistency: ConsistencyRules.Required)).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("no agent", job.Message, StringComparison.Ordinal);
        Assert.True(Assert.Single(site.Engine.Backups.Values).Start.RequireConsistency);
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(site.Mover.PointsByJob);
    }

    [Fact]
    public async Task RequiredAndFrozen_IsRecorded()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, consistency: ConsistencyRules.Required)).WithinDeadline();

        Assert.Equal(PointConsistency.FileSystemConsistent, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
    }

    [Fact]
    public async Task RequiredAndBackupThroughTheManagersSnapshot_FailsBecauseNobodyTells()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.Hybrid = true;

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, consistency: ConsistencyRules.Required)).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("does not tell", job.Message, StringComparison.Ordinal);
        Assert.Empty(site.Engine.Leftovers());
    }

    [Fact]
    public async Task RequiredInASnapshotMode_RefusedWhileTheVmRuns()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        var backUp = () => site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer, consistency: ConsistencyRules.Required);

        var job = await site.RunToEndAsync(await backUp()).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);

        // Started after it was admitted, or before.
        var admitted = await backUp();
        site.Engine.Vms[vm.Id] = vm with { Status = "up" };
        job = await site.RunToEndAsync(admitted).WithinDeadline();
        Assert.Equal((JobOutcome.Failed, true), (job.Outcome, job.Message.Contains("use cbt", StringComparison.Ordinal)));
        var refused = await Assert.ThrowsAsync<OperatorException>(backUp);
        Assert.Equal(job.Message, refused.Message);
    }

    [Fact]
    public async Task Crash_IsNotAskedForAndRecorded()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, consistency: ConsistencyRules.Crash)).WithinDeadline();

        Assert.False(Assert.Single(site.Engine.Backups.Values).Start.RequireConsistency);
        Assert.Equal(PointConsistency.CrashConsistent, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
        Assert.Equal((JobOutcome.Succeeded, 0), (job.Outcome, job.Notes.Count));
    }

    [Fact]
    public async Task UnknownRule_IsRefused()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(vm.Name, consistency: "frozen"));

        Assert.Contains("consistency 'frozen'", refused.Message, StringComparison.Ordinal);
    }
}
