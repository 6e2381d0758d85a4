// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker;
using OvirtDistributed.Worker.Agent;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Agent;

public sealed class WorkerOptionsTests
{
    [Fact]
    public void NothingConfigured_StartFailsNamingEverySetting()
    {
        var failure = Assert.Throws<InvalidOperationException>(() => WorkerHost.Build(["--Worker:Slots=0", "--Worker:Pipeline:SourceConnections=9"]));

        Assert.Contains("Worker:Server", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Worker:ClusterId", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Worker:Slots 0", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Worker:Pipeline:SourceConnections 9", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Bus:Uri", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SameNameAndCluster_SameIdAfterReinstallation()
    {
        var cluster = Guid.NewGuid();

        Assert.Equal(
            new WorkerOptions { Name = "a", ClusterId = cluster }.EffectiveId, new WorkerOptions { Name = "a", ClusterId = cluster }.EffectiveId);
        Assert.NotEqual(
            new WorkerOptions { Name = "a", ClusterId = cluster }.EffectiveId, new WorkerOptions { Name = "b", ClusterId = cluster }.EffectiveId);
        Assert.NotEqual(
            new WorkerOptions { Name = "a", ClusterId = cluster }.EffectiveId, new WorkerOptions { Name = "a", ClusterId = Guid.NewGuid() }.EffectiveId);
    }

    [Fact]
    public void EmbeddedWorker_NeedsNoServerAddress()
    {
        var options = new WorkerOptions { ClusterId = Guid.NewGuid() };

        Assert.Empty(options.Problems(embedded: true));
        Assert.NotEmpty(options.Problems(embedded: false));
    }
}
