// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;
using Xunit;

namespace OvirtDistributed.Tests.Server.Settings;

/// <summary>Which settings of a restore point a target can have, and what is said of the others.</summary>
public sealed class SettingsPlannerTests
{
    private static readonly EngineCluster East = new(Guid.NewGuid(), "east", Guid.NewGuid(), 4, 7);
    private static readonly VmAffinityRule Apart = new(true, true, false);

    [Theory]
    [InlineData(true, false, false, "nfs1", "")]
    [InlineData(false, true, false, "nfs1", "")]
    [InlineData(false, false, true, "other", "on other instead")]
    [InlineData(false, false, false, null, "storage domain nfs1 is not in the data center of cluster east")]
    public void Lease_IsOnItsDomainOrOneOfItsNameOrTheOneThatWasAsked(bool sameId, bool sameName, bool asked, string? domain, string reason)
    {
        var own = Guid.NewGuid();
        var there = new EngineStorageDomain(sameId ? own : Guid.NewGuid(), sameId || sameName ? "nfs1" : "other", "data", "nfs", 1, 0, []);
        var saved = new VmMetadata { HighAvailability = new VmAvailability(true, 50), Lease = new NamedObject(own, "nfs1") };

        var plan = SettingsPlanner.Plan(saved, [], new SettingsTarget(East, SameManager: false) { Domains = [there], AskedDomain = asked ? there.Id : null });

        Assert.Equal(domain is null ? null : new NamedObject(there.Id, domain), plan.Wanted.Lease);
        var outcome = Of(plan, "lease");
        Assert.Equal(domain is not null, outcome.Restored);
        Assert.StartsWith(reason, outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void LeaseOnTheSameManager_IsNotMovedToADomainThatHappensToHaveTheName()
    {
        var saved = new VmMetadata { Lease = new NamedObject(Guid.NewGuid(), "nfs1") };

        var plan = SettingsPlanner.Plan(saved, [], new SettingsTarget(East, SameManager: true) { Domains = [new(Guid.NewGuid(), "nfs1", "data", "nfs", 1, 0, [])] });

        Assert.Null(plan.Wanted.Lease);
        Assert.False(Of(plan, "lease").Restored);
    }

    [Fact]
    public void Placement_TakesHostsByIdThenByNameAndNamesTheMissing()
    {
        var (first, second) = (new EngineHost(Guid.NewGuid(), "h1-new-name", "h1", "up", East.Id), new EngineHost(Guid.NewGuid(), "h2", "h2", "up", East.Id));
        var saved = new VmMetadata
        {
            Placement = new VmPlacement("pinned", [new NamedObject(first.Id, "h1"), new NamedObject(Guid.NewGuid(), "h2"), new NamedObject(Guid.NewGuid(), "h3")]),
        };

        var plan = SettingsPlanner.Plan(saved, [], new SettingsTarget(East, SameManager: true) { Hosts = [first, second] });

        Assert.Equal([first.Id, second.Id], plan.Wanted.Placement!.Hosts.Select(host => host.Id));
        Assert.Equal(new SettingOutcome("placement", "pinned, on h1, h2, h3", true, "not in cluster east: h3"), Of(plan, "placement"));
    }

    [Fact]
    public void PlacementWithoutAnyHost_IsReportedAndNotPinnedToNothing()
    {
        var saved = new VmMetadata { Placement = new VmPlacement("pinned", [new NamedObject(Guid.NewGuid(), "h1")]) };

        var plan = SettingsPlanner.Plan(saved, [], new SettingsTarget(East, SameManager: true));

        Assert.Null(plan.Wanted.Placement);
        Assert.False(Of(plan, "placement").Restored);
    }

    [Fact]
    public void AffinityGroups_AreJoinedAndOnlyMadeWhenAsked()
    {
        var host = new EngineHost(Guid.NewGuid(), "h1", "h1", "up", East.Id);
        var missing = new VmAffinityGroup { Name = "web-apart", Priority = "2.5", VmsRule = Apart, HostsRule = new VmAffinityRule(true, false, true), Hosts = [new(Guid.NewGuid(), "h1"), new(Guid.NewGuid(), "h9")] };
        var there = new EngineAffinityGroup(Guid.NewGuid(), new VmAffinityGroup { Name = "db-together", VmsRule = new VmAffinityRule(true, false, true) }, []);
        var saved = new VmMetadata { AffinityGroups = [missing, new VmAffinityGroup { Name = "db-together", VmsRule = Apart }] };
        var target = new SettingsTarget(East, SameManager: true) { Groups = [there], Hosts = [host] };

        var plan = SettingsPlanner.Plan(saved, [], target);
        Assert.Equal(
            new SettingOutcome(
                "affinity group web-apart", "VMs apart, enforced; hosts together, where possible: h1, h9; priority 2.5", false,
                "not in cluster east; create it or restore with --create-affinity-groups"),
            Of(plan, "affinity group web-apart"));
        Assert.Equal(["db-together"], plan.Wanted.AffinityGroups.Select(group => group.Name));
        Assert.Empty(plan.NewGroups);
        Assert.Equal("joins the group of this name as it is: VMs together, where possible", Of(plan, "affinity group db-together").Reason);

        plan = SettingsPlanner.Plan(saved, [], target with { CreateAffinityGroups = true });
        Assert.Equal(["web-apart"], plan.NewGroups);
        Assert.Equal([host.Id], plan.Wanted.AffinityGroups[0].Hosts.Select(found => found.Id));
        Assert.Equal("is created without hosts that cluster east lacks: h9", Of(plan, "affinity group web-apart").Reason);
    }

    [Fact]
    public void WhatNobodyCanRestore_IsNamed()
    {
        var saved = new VmMetadata
        {
            Initialization = new VmInitialization(new Dictionary<string, string> { ["host_name"] = "web", ["custom_script"] = "secret: x" }, [], HasPassword: true, HasLicenseKey: true),
            HostDevices = ["pci_0000_01_00_0"],
            NumaNodes = 2,
            AffinityLabels = ["gpu", "ssd"],
        };

        var plan = SettingsPlanner.Plan(saved, ["gold", "daily"], new SettingsTarget(East, SameManager: true) { Labels = ["ssd"], Tags = ["daily"] });

        Assert.Equal("custom_script (9 characters), host_name=web", Of(plan, "initialization").Value);
        Assert.Equal(
            ["affinity label gpu", "tag gold", "initialization password", "license key", "host devices", "NUMA nodes"],
            plan.Outcomes.Where(outcome => !outcome.Restored).Select(outcome => outcome.Name));
        Assert.All(plan.Outcomes.Where(outcome => !outcome.Restored), outcome => Assert.NotEmpty(outcome.Reason));
        Assert.Equal(["ssd"], plan.Wanted.AffinityLabels);
        Assert.Equal(["daily"], plan.Tags);
    }

    private static SettingOutcome Of(SettingsPlan plan, string name) => Assert.Single(plan.Outcomes, outcome => outcome.Name == name);
}
