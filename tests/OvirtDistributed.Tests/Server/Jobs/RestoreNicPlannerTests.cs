// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Managers;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

public sealed class RestoreNicPlannerTests
{
    private static readonly Guid DataCenter = Guid.NewGuid();
    private static readonly EngineNetwork Blue = new(Guid.NewGuid(), "blue", DataCenter);
    private static readonly EngineNetwork Elsewhere = new(Guid.NewGuid(), "blue", Guid.NewGuid());
    private static readonly EngineVnicProfile Gold = new(Guid.NewGuid(), "gold", Blue.Id);
    private static readonly EngineVnicProfile Silver = new(Guid.NewGuid(), "silver", Blue.Id);
    private static readonly EngineVnicProfile Foreign = new(Guid.NewGuid(), "silver", Elsewhere.Id);

    [Fact]
    public void SameProfileOnTheTarget_IsUsedWithANewMac()
    {
        var nic = Assert.Single(Plan(Nic(Silver.Id), NicChoice.NewMac).Nics);

        Assert.Equal((Silver.Id, null, true), (nic.VnicProfileId, nic.Mac, nic.Plugged));
    }

    [Fact]
    public void ProfileOfAnotherManager_IsFoundByItsNameOnTheNetworkOfItsName() =>
        Assert.Equal(Silver.Id, Assert.Single(Plan(Nic(Foreign.Id), NicChoice.NewMac).Nics).VnicProfileId);

    [Fact]
    public void Mapping_Wins()
    {
        var plan = Plan(Nic(Silver.Id), NicChoice.NewMac, new Dictionary<string, Guid> { ["blue"] = Gold.Id });

        Assert.Equal(Gold.Id, Assert.Single(plan.Nics).VnicProfileId);
    }

    [Fact]
    public void NoSuchNetwork_NicWithoutOneAndANote()
    {
        var plan = Plan(Nic(Guid.NewGuid()) with { Network = "green" }, NicChoice.NewMac);

        Assert.Null(Assert.Single(plan.Nics).VnicProfileId);
        Assert.Contains("green", Assert.Single(plan.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Disconnected_IsUnpluggedAndUnlinked()
    {
        var nic = Assert.Single(Plan(Nic(Silver.Id), NicChoice.Disconnected).Nics);

        Assert.Equal((false, false, null), (nic.Plugged, nic.Linked, nic.Mac));
    }

    [Fact]
    public void KeptMacInUse_IsACollision()
    {
        var plan = Plan(Nic(Silver.Id), NicChoice.KeepMac);

        Assert.Equal(["00:1a:4a:16:01:51"], RestoreNicPlanner.Collisions(plan.Nics, new HashSet<string> { "00:1a:4a:16:01:51" }));
        Assert.Empty(RestoreNicPlanner.Collisions(plan.Nics, new HashSet<string>()));
    }

    private static (IReadOnlyList<RestoreNicPlan> Nics, IReadOnlyList<string> Notes) Plan(
        EngineNic nic, NicChoice choice, IReadOnlyDictionary<string, Guid>? mapping = null) => RestoreNicPlanner.Plan(
        new EngineVm { Id = Guid.NewGuid(), Name = "vm", ClusterId = Guid.NewGuid(), Status = "down", Nics = [nic] },
        new RestoreDetails { PointId = "p", NewName = "n", ClusterId = Guid.NewGuid(), Nics = choice, VnicProfiles = mapping ?? new Dictionary<string, Guid>() },
        DataCenter,
        [Blue, Elsewhere],
        [Gold, Silver, Foreign]);

    private static EngineNic Nic(Guid profile) => new()
    {
        Name = "nic1",
        Mac = "00:1a:4a:16:01:51",
        VnicProfileId = profile,
        VnicProfile = "silver",
        Network = "blue",
    };
}
