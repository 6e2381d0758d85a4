// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Server.Site;

[Collection(PostgresTests.Name)]
public sealed class ServerSiteTests(PostgresServer postgres)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FullIncrementalAndRestore_AreBitForBit()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);
        var vm = (await site.Simulator.Engine.VmsAsync(Token)).First(candidate => candidate.Name == "web");
        var disk = Assert.Single(vm.DiskIds);

        var full = await BackedUpAsync(site, vm.Name);
        var before = await ReferenceAsync(site, disk);
        await site.Simulator.Engine.GuestWriteAsync(disk, 5 << 20, RandomNumberGenerator.GetBytes(1 << 20), Token);
        var incremental = await BackedUpAsync(site, vm.Name);
        var after = await ReferenceAsync(site, disk);

        Assert.Equal(("full", "incremental"), (full.Mode, incremental.Mode));
        Assert.NotEqual(before, after);
        Assert.Equal(before, await RestoredAsync(site, full, "restored-full"));
        Assert.Equal(after, await RestoredAsync(site, incremental, "restored-incremental"));
        Assert.Empty((await site.Simulator.Engine.LeftoversAsync(Token)).All);
    }

    [Fact]
    public async Task TwoDisksOnBlockStorage_AreRestored()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);
        var vm = (await site.Simulator.Engine.VmsAsync(Token)).First(candidate => candidate.Name == "db");
        var references = await Task.WhenAll(vm.DiskIds.Select(disk => ReferenceAsync(site, disk)));

        var job = await BackedUpAsync(site, vm.Name);
        var restored = await site.EndOfAsync(await RestoreAsync(site, job, "restored")).WithinDeadline(Limit);

        Assert.True(restored.Outcome == JobOutcome.Succeeded, await site.ExplainAsync(restored));
        var made = (await site.Simulator.Engine.VmsAsync(Token)).First(candidate => candidate.Name == "restored");
        Assert.Equal(references.Order(), (await Task.WhenAll(made.DiskIds.Select(disk => ReferenceAsync(site, disk)))).Order());
        Assert.Empty((await site.Simulator.Engine.LeftoversAsync(Token)).All);
    }

    [Fact]
    public async Task PolicyKeepsOne_OlderPointGoesAndTheOtherRestoresBitForBit()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);
        var vm = (await site.Simulator.Engine.VmsAsync(Token)).First(candidate => candidate.Name == "web");
        var full = await BackedUpAsync(site, vm.Name);
        await site.Simulator.Engine.GuestWriteAsync(Assert.Single(vm.DiskIds), 5 << 20, RandomNumberGenerator.GetBytes(1 << 20), Token);
        var incremental = await BackedUpAsync(site, vm.Name);
        var reference = await ReferenceAsync(site, Assert.Single(vm.DiskIds));
        var rule = new RetentionRule { Last = 1 };

        var preview = await site.Retention.PreviewRetentionAsync(new PreviewRetentionRequest { Vm = vm.Name, Rule = rule }, cancellationToken: Token);
        await site.Retention.SetRetentionPolicyAsync(new SetRetentionPolicyRequest { Name = "one", Rule = rule, MakeDefault = true }, cancellationToken: Token);
        var applied = await site.Retention.ApplyRetentionAsync(new ApplyRetentionRequest(), cancellationToken: Token);

        Assert.Equal([(incremental.PointId, true), (full.PointId, false)], preview.Decisions.Select(decision => (decision.PointId, decision.Keep)));
        Assert.Equal((full.PointId, ""), Assert.Single(applied.Removals.Select(removal => (removal.PointId, removal.Problem))));
        Assert.Equal(incremental.PointId, Assert.Single((await site.Points.ListPointsAsync(new ListPointsRequest(), cancellationToken: Token)).Points).Id);
        Assert.Equal(reference, await RestoredAsync(site, incremental, "restored"));
        Assert.Equal("incremental", (await BackedUpAsync(site, vm.Name)).Mode);
    }

    [Fact]
    public async Task ServerRestartsInTheMiddle_TheJobGoesOn()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);
        var job = await site.BackUpAsync("db");

        await site.RestartServerAsync().WithinDeadline(Limit);
        var ended = await site.EndOfAsync(job).WithinDeadline(Limit);

        Assert.True(ended.Outcome == JobOutcome.Succeeded, await site.ExplainAsync(ended));
        Assert.Empty((await site.Simulator.Engine.LeftoversAsync(Token)).All);
    }

    [Fact]
    public async Task BitmapIsLost_FullInsteadOfIncrementalAndTheNextIsIncrementalAgain()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);
        var vm = (await site.Simulator.Engine.VmsAsync(Token)).First(candidate => candidate.Name == "web");
        await BackedUpAsync(site, vm.Name);
        await site.Simulator.Engine.LoseBitmapAsync(Assert.Single(vm.DiskIds), Token);

        var full = await BackedUpAsync(site, vm.Name);
        var incremental = await BackedUpAsync(site, vm.Name);

        Assert.Equal("full", full.Mode);
        Assert.Contains("checkpoint", full.ModeReason, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(full.Notes, note => note.Contains("full instead of incremental", StringComparison.Ordinal));
        Assert.Equal("incremental", incremental.Mode);
        var left = await site.Simulator.Engine.LeftoversAsync(Token);
        Assert.Empty(left.All);
        Assert.All(left.Checkpoints, checkpoints => Assert.Single(checkpoints.Value));
    }

    [Fact]
    public async Task CancelAtOnce_NothingIsLeft()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);
        var job = await site.BackUpAsync("db");

        await site.Jobs.CancelJobAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Token);
        var ended = await site.EndOfAsync(job).WithinDeadline(Limit);

        Assert.True(ended.Outcome == JobOutcome.Cancelled, await site.ExplainAsync(ended));
        var left = await site.Simulator.Engine.LeftoversAsync(Token);
        Assert.Empty(left.All);
        Assert.Empty(left.Checkpoints.SelectMany(checkpoints => checkpoints.Value));
    }

    [Fact]
    public async Task UnknownVm_NamesNearOnes()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.BackUpAsync("webb"));

        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
        Assert.Contains("web", failure.Status.Detail, StringComparison.Ordinal);
        var inventory = await site.Managers.GetInventoryAsync(new GetInventoryRequest(), cancellationToken: Token);
        Assert.Equal(["db", "raw", "web"], inventory.Vms.Select(vm => vm.Name).Order());
        Assert.All(inventory.Vms, vm => Assert.Null(vm.LastRestorePoint));
        await Deadline.UntilAsync(
            async () => (await site.Workers.ListWorkersAsync(new ListWorkersRequest(), cancellationToken: Token)).Workers.Any(worker => worker.Embedded),
            "the embedded worker registers");
    }

    private static async Task<Job> BackedUpAsync(ServerSite site, string vm)
    {
        var job = await site.EndOfAsync(await site.BackUpAsync(vm)).WithinDeadline(Limit);
        Assert.True(job.Outcome == JobOutcome.Succeeded, await site.ExplainAsync(job));
        return job;
    }

    private static async Task<Job> RestoreAsync(ServerSite site, Job backup, string name) =>
        (await site.Jobs.RestoreVmAsync(new RestoreVmRequest { Point = backup.PointId, Name = name }, cancellationToken: Token)).Job;

    private static async Task<string> RestoredAsync(ServerSite site, Job backup, string name)
    {
        var job = await site.EndOfAsync(await RestoreAsync(site, backup, name)).WithinDeadline(Limit);
        Assert.True(job.Outcome == JobOutcome.Succeeded, await site.ExplainAsync(job));
        var vm = (await site.Simulator.Engine.VmsAsync(Token)).First(candidate => candidate.Name == name);
        Assert.Equal(vm.Id.ToString(), job.NewVmId);
        return await ReferenceAsync(site, Assert.Single(vm.DiskIds));
    }

    /// <summary>SHA-256 of what a guest would see now.</summary>
    private static async Task<string> ReferenceAsync(ServerSite site, Guid disk)
    {
        var file = Path.Combine(site.Directory, $"{Guid.NewGuid():N}.raw");
        await site.Simulator.Engine.SaveReferenceAsync(disk, file, Token);
        await using var stream = File.OpenRead(file);
        return Convert.ToHexString(await SHA256.HashDataAsync(stream, Token));
    }
}
