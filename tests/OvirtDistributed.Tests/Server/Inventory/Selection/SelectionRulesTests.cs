// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Managers;
using Xunit;

namespace OvirtDistributed.Tests.Server.Inventory.Selection;

/// <summary>Which VMs a selection means, why, and when it is refused.</summary>
public sealed class SelectionRulesTests
{
    private static readonly EngineCluster Main = new(Guid.NewGuid(), "Main", Guid.NewGuid(), 4, 7);
    private static readonly EngineCluster Edge = new(Guid.NewGuid(), "Edge", Guid.NewGuid(), 4, 7);
    private static readonly EngineCluster Spare = new(Guid.NewGuid(), "Spare", Guid.NewGuid(), 4, 7);
    private static readonly EngineTag Protected = new(Guid.NewGuid(), "protected", null);
    private static readonly EngineTag Daily = new(Guid.NewGuid(), "daily", Protected.Id);
    private static readonly EngineTag Unused = new(Guid.NewGuid(), "unused", null);

    private static readonly SelectionScope Scope = new(
        "prod",
        [
            Vm("web-01", Main, ["daily"], "web-01_root", "web-01_swap"), Vm("Web-02", Main, [], "Web-02_root"), Vm("web-10", Edge, ["protected"], "web-10_root"),
            Vm("db", Main, ["daily"], "db_root", "db_SWAP1"), Vm("lab", Edge, [], "lab_root"), Vm("HostedEngine", Edge, [], "he") with { HostedEngine = true },
        ],
        [Main, Edge, Spare],
        [Protected, Daily, Unused]);

    [Fact]
    public void Rules_AreAUnionAndEachIsTold()
    {
        var selected = SelectionRules.Apply(Scope, new VmSelection { Vms = ["db"], Patterns = ["web-0?"], Tags = ["daily"] });

        Assert.Equal(["Web-02", "db", "web-01"], selected.Chosen.Select(vm => vm.Vm.Name));
        Assert.Equal(["named 'db'", "tag 'daily'"], selected.Chosen[1].Rules);
        Assert.Equal(["name matches 'web-0?'", "tag 'daily'"], selected.Chosen[2].Rules);
        Assert.Empty(selected.LeftOut);
    }

    [Theory]
    [InlineData("web-*", "Web-02,web-01,web-10")]
    [InlineData("WEB-0*", "Web-02,web-01")]
    [InlineData("?b", "db")]
    [InlineData("lab", "lab")]
    [InlineData("*", "Web-02,db,lab,web-01,web-10")]
    public void Pattern_MatchesWholeNamesInAnyCase(string pattern, string expected) =>
        Assert.Equal(expected, Names(SelectionRules.Apply(Scope, new VmSelection { Patterns = [pattern] })));

    [Fact]
    public void Tag_StandsForThoseBelowItToo() =>
        Assert.Equal("db,web-01,web-10", Names(SelectionRules.Apply(Scope, new VmSelection { Tags = ["Protected"] })));

    [Fact]
    public void HostedEngine_IsLeftOutByRulesAndChosenByName()
    {
        var byCluster = SelectionRules.Apply(Scope, new VmSelection { Clusters = ["edge"] });
        Assert.Equal("lab,web-10", Names(byCluster));
        Assert.Contains("engine-backup", Assert.Single(byCluster.LeftOut).Rule, StringComparison.Ordinal);

        Assert.Equal("HostedEngine", Names(SelectionRules.Apply(Scope, VmSelection.Of("HostedEngine"))));
    }

    [Fact]
    public void Exclusions_AreStrongerThanEveryInclusionAndAreTold()
    {
        var selection = new VmSelection { Vms = ["db"], Patterns = ["*"], ExcludedVms = ["web-1*", "lab"], ExcludedTags = ["daily"] };
        var selected = SelectionRules.Apply(Scope, selection);

        Assert.Equal("Web-02", Names(selected));
        Assert.Equal(
            ["HostedEngine: it is the hosted engine: use engine-backup", "db: excluded by tag 'daily'", "lab: excluded by name 'lab'", "web-01: excluded by tag 'daily'", "web-10: excluded by name 'web-1*'"],
            selected.LeftOut.Select(vm => $"{vm.Vm.Name}: {vm.Rule}"));
    }

    [Fact]
    public void LeftOut_IsOnlyWhatARuleIncludes() =>
        Assert.Empty(SelectionRules.Apply(Scope, new VmSelection { Vms = ["lab"], ExcludedTags = ["daily"] }).LeftOut);

    public static TheoryData<string, string[]> Meaningless() => new()
    {
        { "vms:nope", ["vms 'nope'"] },
        { "patterns:app-*", ["patterns 'app-*'", "prod"] },
        { "tags:weekly", ["tags 'weekly'", "no such tag"] },
        { "tags:unused", ["tags 'unused'", "no VM of manager prod has this tag"] },
        { "clusters:Mian", ["clusters 'Mian'", "no such cluster", "Main"] },
        { "clusters:Spare", ["clusters 'Spare'", "no VMs"] },
        { "exclude_vms:nope*", ["exclude_vms 'nope*'"] },
        { "exclude_tags:weekly", ["exclude_tags 'weekly'", "no such tag"] },
        { "exclude_disks:tmp*", ["exclude_disks 'tmp*'"] },
        { "exclude_disks:lab_root", ["exclude_disks 'lab_root'", "the selected VMs"] },
        { "exclude_vms:*", ["Nothing is left", "db: excluded by name '*'"] },
        { "patterns: ", ["patterns has an empty entry"] },
    };

    [Theory]
    [MemberData(nameof(Meaningless))]
    public void RuleThatMeansNothing_IsRefusedByFieldAndValue(string rule, string[] expected)
    {
        var (field, value) = (rule.Split(':')[0], rule.Split(':')[1]);
        var selection = new VmSelection
        {
            Vms = field == "vms" ? [value] : [],
            Patterns = field == "patterns" ? [value] : field.StartsWith("exclude", StringComparison.Ordinal) ? ["web-*", "db"] : [],
            Tags = field == "tags" ? [value] : [],
            Clusters = field == "clusters" ? [value] : [],
            ExcludedVms = field == "exclude_vms" ? [value] : [],
            ExcludedTags = field == "exclude_tags" ? [value] : [],
            ExcludedDisks = field == "exclude_disks" ? [value] : [],
        };

        var refused = Assert.Throws<OperatorException>(() => SelectionRules.Apply(Scope, selection));

        Assert.All(expected, part => Assert.Contains(part, refused.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void NothingSelected_IsRefused() => Assert.Throws<OperatorException>(() => SelectionRules.Apply(Scope, new VmSelection { ExcludedVms = ["db"] }));

    [Fact]
    public void DiskPattern_IsFineWhenOneOfTheVmsHasIt()
    {
        var selected = SelectionRules.Apply(Scope, new VmSelection { Patterns = ["*"], ExcludedDisks = ["*_swap*"] });

        var excluded = selected.Chosen.SelectMany(vm => vm.Vm.Disks).Where(disk => DiskExclusion.Find(disk, ["*_swap*"]) is not null);
        Assert.Equal(["db_SWAP1", "web-01_swap"], excluded.Select(disk => disk.Alias));
    }

    private static string Names(SelectedVms selected) => string.Join(',', selected.Chosen.Select(vm => vm.Vm.Name));

    private static EngineVm Vm(string name, EngineCluster cluster, string[] tags, params string[] disks) => new()
    {
        Id = Guid.NewGuid(),
        Name = name,
        ClusterId = cluster.Id,
        Status = "up",
        Tags = tags,
        Disks = [.. disks.Select(alias => new EngineDisk { Id = Guid.NewGuid(), Alias = alias })],
    };
}
