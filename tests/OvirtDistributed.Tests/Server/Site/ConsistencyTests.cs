// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Server.Site;

/// <summary>Backups that want the guest's file systems frozen, of a guest with an agent and of one without, by the manager's own means.</summary>
[Collection(PostgresTests.Name)]
public sealed class ConsistencyTests(PostgresServer postgres)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Required_IsFrozenOrThereIsNoRestorePointAndNothingOnTheManager()
    {
        await using var site = await ServerSite.StartAsync(postgres, Model()).WithinDeadline(Limit);

        var frozen = await BackUpAsync(site, "web", "required");
        var refused = await BackUpAsync(site, "mute", "required");
        var left = await site.Simulator.Engine.LeftoversAsync(Token);
        var crash = await BackUpAsync(site, "mute", "auto");

        Assert.True(frozen.Outcome == JobOutcome.Succeeded, await site.ExplainAsync(frozen));
        Assert.Equal("file-system", await ConsistencyOfAsync(site, frozen));
        Assert.True(refused.Outcome == JobOutcome.Failed, await site.ExplainAsync(refused));
        Assert.Equal("", refused.PointId);
        Assert.Contains("consisten", refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(left.All);
        Assert.Equal(["web"], left.Checkpoints.Keys);

        // The same guest without the demand.
        Assert.Equal(JobOutcome.Succeeded, crash.Outcome);
        Assert.Equal("crash", await ConsistencyOfAsync(site, crash));
        Assert.Equal(2, (await site.Points.ListPointsAsync(new ListPointsRequest(), cancellationToken: Token)).Points.Count);
    }

    private static SimulatorModel Model()
    {
        VmModel[] vms = [VmOf("web"), VmOf("mute") with { GuestAgent = false }];
        return new()
        {
            DataCenters = [new DataCenterModel("Default") { Clusters = [new ClusterModel("Main", new Version(4, 6), 1, vms)], Domains = [new DomainModel("nfs1", "nfs")] }],
        };

        static VmModel VmOf(string name) => new(name, [new DiskModel(16 << 20, "nfs1", Incremental: true)]) { Running = true };
    }

    private static async Task<Job> BackUpAsync(ServerSite site, string vm, string consistency)
    {
        var reply = await site.Jobs.RunBackupAsync(new RunBackupRequest { Vms = { vm }, Consistency = consistency }, cancellationToken: Token);
        return await site.EndOfAsync(Assert.Single(reply.Jobs)).WithinDeadline(Limit);
    }

    private static async Task<string> ConsistencyOfAsync(ServerSite site, Job job) =>
        (await site.Points.GetPointAsync(new GetPointRequest { Id = job.PointId }, cancellationToken: Token)).Point.Consistency;
}
