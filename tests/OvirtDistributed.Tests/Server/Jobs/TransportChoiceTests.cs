// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

public sealed class TransportChoiceTests
{
    [Theory]
    [InlineData("4.5.7-1.el9", "cbt", "tracks changed blocks")]
    [InlineData("4.4.10.7-1.0.22.el8", "cbt", "tracks changed blocks")]
    [InlineData("4.3.10.4-1.el7", "image-transfer", "4.3.10.4-1.el7")]
    [InlineData("4.1.9.2-1.el7", "disk-attachment", "older than 4.2")]
    [InlineData("", "cbt", "tracks changed blocks")]
    public void Automatic_FollowsTheVersion(string version, string mode, string reason)
    {
        var choice = TransportChoice.Decide(TransportModes.Auto, version, Cluster(4, 5), Vm(), []);

        Assert.Equal((mode, null), (choice.Mode, choice.Refusal));
        Assert.Contains(reason, choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void DiskThatCbtWouldLeaveOut_MovesTheWholeVmToASnapshot()
    {
        var vm = Vm(incremental: false);

        var old = TransportChoice.Decide(TransportModes.Auto, "4.4.9", Cluster(4, 4), vm, []);

        Assert.Equal(TransportModes.ImageTransfer, old.Mode);
        Assert.Contains("disk root is not enabled", old.Reason, StringComparison.Ordinal);
        Assert.Equal(TransportModes.Cbt, TransportChoice.Decide(TransportModes.Auto, "4.4.9", Cluster(4, 4), vm, ["root"]).Mode);
        Assert.Equal(TransportModes.Cbt, TransportChoice.Decide(TransportModes.Auto, "4.4.9", Cluster(4, 5), vm, []).Mode);
    }

    [Theory]
    [InlineData("cbt", "4.3.10", "cbt needs a manager of version 4.4")]
    [InlineData("image-transfer", "4.1.9", "image-transfer needs a manager of version 4.2")]
    public void ImpossibleMode_IsRefusedWithTheReason(string mode, string version, string text) =>
        Assert.Contains(text, TransportChoice.Decide(mode, version, Cluster(4, 3), Vm(), []).Refusal, StringComparison.Ordinal);

    [Fact]
    public void Ssh_IsRefusedWithoutAccessToTheHosts()
    {
        Assert.Equal(TransportChoice.NeedsSsh, TransportChoice.Decide(TransportModes.Ssh, "4.5.7", Cluster(4, 5), Vm(), []).Refusal);
        Assert.Null(TransportChoice.Decide(TransportModes.Ssh, "4.5.7", Cluster(4, 5), Vm(), [], hasSsh: true).Refusal);
        Assert.Equal(TransportModes.Cbt, TransportChoice.Decide(TransportModes.Auto, "4.5.7", Cluster(4, 5), Vm(), [], hasSsh: true).Mode);
    }

    [Theory]
    [InlineData("4.4.2.6-1.el8", false)]
    [InlineData("4.4.3", true)]
    [InlineData("4.10", true)]
    public void SingleLayers_ComeSince443(string version, bool expected) => Assert.Equal(expected, TransportChoice.GivesLayers(version));

    private static EngineCluster Cluster(int major, int minor) => new(Guid.NewGuid(), "cluster", Guid.NewGuid(), major, minor);

    private static EngineVm Vm(bool incremental = true) => new()
    {
        Id = Guid.NewGuid(),
        Name = "vm",
        ClusterId = Guid.NewGuid(),
        Status = "up",
        Disks =
        [
            new EngineDisk { Id = Guid.NewGuid(), Alias = "data", IncrementalEnabled = true },
            new EngineDisk { Id = Guid.NewGuid(), Alias = "root", IncrementalEnabled = incremental },
        ],
    };
}
