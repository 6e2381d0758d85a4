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
        var plan = Plan(Nic(Silver.Id), NicChoice.NewMac, new Dictionary<string, Guid?> { ["blue"] = Gold.Id });

        Assert.Equal(Gold.Id, Assert.Single(plan.Nics).VnicProfileId);
    }

    [Fact]
    public void NoSuchNetwork_IsMissing()
    {
        var plan = Plan(Nic(Guid.NewGuid()) with { Network = "green" }, NicChoice.NewMac);

        Assert.Equal(["green"], plan.Missing);
        Assert.Empty(plan.Notes);
    }

    [Fact]
    public void NoSuchNetworkOfANicThatIsUnplugged_NicWithoutOneAndANote()
    {
        var plan = Plan(Nic(Guid.NewGuid()) with { Network = "green" }, NicChoice.Disconnected);

        Assert.Null(Assert.Single(plan.Nics).VnicProfileId);
        Assert.Contains("green", Assert.Single(plan.Notes), StringComparison.Ordinal);
        Assert.Empty(plan.Missing);
    }

    [Fact]
    public void MappedToNone_NicWithoutANetwork()
    {
        var plan = Plan(Nic(Silver.Id), NicChoice.NewMac, new Dictionary<string, Guid?> { ["blue"] = null });

        Assert.Null(Assert.Single(plan.Nics).VnicProfileId);
        Assert.Empty(plan.Missing);
    }

    [Theory]
    [InlineData("NewMac", true, true)]
    [InlineData("KeepMac", false, false)]
    [InlineData("Disconnected", true, true)]
    public void MacOfOneNic_IsItsOwnChoice(string choice, bool keep, bool kept)
    {
        var nic = Assert.Single(Plan(Nic(Silver.Id), Enum.Parse<NicChoice>(choice), macs: new Dictionary<string, bool> { ["nic1"] = keep }).Nics);

        Assert.Equal(kept ? "00:1a:4a:16:01:51" : null, nic.Mac);
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

        var taken = Assert.Single(RestoreNicPlanner.Collisions(plan.Nics, new Dictionary<string, string> { ["00:1A:4A:16:01:51"] = "other" }));
        Assert.Equal(new MacCollision("nic1", "00:1a:4a:16:01:51", "other"), taken);
        Assert.Empty(RestoreNicPlanner.Collisions(plan.Nics, new Dictionary<string, string>()));
    }

    private static RestoreNicPlans Plan(
        EngineNic nic, NicChoice choice, IReadOnlyDictionary<string, Guid?>? mapping = null, IReadOnlyDictionary<string, bool>? macs = null) => RestoreNicPlanner.Plan(
        new EngineVm { Id = Guid.NewGuid(), Name = "vm", ClusterId = Guid.NewGuid(), Status = "down", Nics = [nic] },
        new RestoreDetails
        {
            PointId = "p",
            NewName = "n",
            ClusterId = Guid.NewGuid(),
            Nics = choice,
            VnicProfiles = mapping ?? new Dictionary<string, Guid?>(),
            KeptMacs = macs ?? new Dictionary<string, bool>(),
        },
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
