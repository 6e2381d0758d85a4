// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Server.Workers;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Server.Site;

/// <summary>A worker that names a cluster which no manager has.</summary>
[Collection(PostgresTests.Name)]
public sealed class UnknownClusterTests(PostgresServer postgres)
{
    private static readonly string Unknown = Guid.NewGuid().ToString("D");

    [Fact]
    public async Task ItIsListedWithWhatKeepsItFromWork_AndTheOthersAreNot()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(TimeSpan.FromMinutes(3));

        await site.WorkerControl.RegisterAsync(Registration(Unknown), cancellationToken: TestSite.Token);

        var workers = (await site.Workers.ListWorkersAsync(new ListWorkersRequest(), cancellationToken: TestSite.Token)).Workers;
        Assert.Contains($"no manager has cluster {Unknown}", Assert.Single(workers, worker => worker.Id == "stray").Problem, StringComparison.Ordinal);
        Assert.All(workers.Where(worker => worker.Embedded), worker => Assert.Equal("", worker.Problem));
    }

    [Fact]
    public async Task ItIsInTheLog()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        await site.ReadInventoryAsync();
        var log = new LogLines<WorkerCalls>();
        var calls = ActivatorUtilities.CreateInstance<WorkerCalls>(site.Get<IServiceProvider>(), log);

        await calls.RegisterAsync(Registration(site.ClusterId.ToString("D")), TestSite.Token).WithinDeadline();
        Assert.DoesNotContain(log.All, line => line.Level >= LogLevel.Warning);
        await calls.RegisterAsync(Registration(Unknown), TestSite.Token).WithinDeadline();
        Assert.Contains(Unknown, Assert.Single(log.All, line => line.Level == LogLevel.Warning).Text, StringComparison.Ordinal);
    }

    private static RegisterRequest Registration(string cluster) => new() { WorkerId = "stray", Name = "stray", ClusterId = cluster, Slots = 1 };
}
