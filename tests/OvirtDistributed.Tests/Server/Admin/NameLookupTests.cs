// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using Xunit;

namespace OvirtDistributed.Tests.Server.Admin;

public sealed class NameLookupTests
{
    private static readonly (string Name, Guid Id)[] Vms = [("web-01", Guid.NewGuid()), ("web-02", Guid.NewGuid()), ("DB", Guid.NewGuid()), ("db", Guid.NewGuid())];

    [Fact]
    public void ExactName_WinsOverOtherCase() => Assert.Equal(Vms[3].Id, Find("db").Id);

    [Fact]
    public void Id_Finds() => Assert.Equal("web-02", Find(Vms[1].Id.ToString()).Name);

    [Fact]
    public void OtherCase_FindsWhenUnambiguous() => Assert.Equal("web-01", Find("WEB-01").Name);

    [Fact]
    public void AmbiguousName_ListsTheIds()
    {
        var failure = Assert.Throws<OperatorException>(() => Find("Db"));

        Assert.Equal(FailureKind.InvalidInput, failure.Kind);
        Assert.Contains(Vms[2].Id.ToString(), failure.Message, StringComparison.Ordinal);
        Assert.Contains(Vms[3].Id.ToString(), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownName_NamesNearOnes()
    {
        var failure = Assert.Throws<OperatorException>(() => Find("wbe-01"));

        Assert.Equal(FailureKind.NotFound, failure.Kind);
        Assert.Contains("web-01", failure.Message, StringComparison.Ordinal);
        Assert.Contains("vms 'wbe-01'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownName_NamesTheListToo()
    {
        var failure = Assert.Throws<OperatorException>(() => Find("nothing like it"));

        Assert.Equal("vms 'nothing like it': there is no such VM. ovd vm list shows all.", failure.Message);
        Assert.Equal(["vms"], failure.Fields);
    }

    [Theory]
    [InlineData("manager", "ovd manager list shows all.")]
    [InlineData("repository", "ovd repository list shows all.")]
    [InlineData("retention policy", "ovd retention list shows all.")]
    [InlineData("cluster", "ovd manager inventory shows all.")]
    [InlineData("data domain for cluster Edge", "ovd manager inventory shows all.")]
    [InlineData("vNIC profile or network", "ovd manager inventory shows all.")]
    [InlineData("tag", "ovd vm list -o json shows all.")]
    [InlineData("disk in restore point 7b1d22aa", "ovd point show 7b1d22aa shows all.")]
    public void UnknownThing_NamesItsList(string what, string hint)
    {
        var failure = Assert.Throws<OperatorException>(() => NameLookup.Resolve(Vms, "field", what, "nothing like it", vm => vm.Name, vm => vm.Id));

        Assert.Equal($"field 'nothing like it': there is no such {what}. {hint}", failure.Message);
    }

    [Theory]
    [InlineData("job", "ovd job list")]
    [InlineData("restore point", "ovd point list")]
    public void UnknownBeginningOfAnId_NamesTheList(string what, string list)
    {
        var failure = Assert.Throws<OperatorException>(() => NameLookup.ResolvePrefix<string>([], "id", what, "zzzz", id => id));

        Assert.Equal($"id 'zzzz': there is no such {what}. {list} shows all.", failure.Message);
    }

    [Theory]
    [InlineData("manager", "managers")]
    [InlineData("repository", "repositories")]
    [InlineData("disk in restore point 7b", "disks in restore point 7b")]
    [InlineData("data domain for cluster Edge", "data domains for cluster Edge")]
    public void LeftOut_IsNeededAndTheChoicesAreNamed(string what, string several)
    {
        var failure = Assert.Throws<OperatorException>(() => NameLookup.Resolve(Vms[..2], "field", what, "", vm => vm.Name, vm => vm.Id));

        Assert.Equal((FailureKind.InvalidInput, $"field is needed: there are 2 {several}: web-01, web-02."), (failure.Kind, failure.Message));
    }

    [Fact]
    public void LeftOutAmongMany_SaysHowManyMore()
    {
        var many = Enumerable.Range(10, 25).Select(number => ($"vm{number}", Guid.NewGuid())).ToList();

        var failure = Assert.Throws<OperatorException>(() => NameLookup.Resolve(many, "vm", "VM", "", vm => vm.Item1, vm => vm.Item2));

        Assert.EndsWith("vm28, vm29 and 5 more.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LeftOutAndNoneThere_SaysSo()
    {
        var failure = Assert.Throws<OperatorException>(() => NameLookup.Resolve<(string, Guid)>([], "manager", "manager", "", row => row.Item1, row => row.Item2));

        Assert.Equal((FailureKind.NotFound, "manager is needed, and there is no manager yet (ovd manager add)."), (failure.Kind, failure.Message));
    }

    [Fact]
    public void EmptyName_NeedsASingleCandidate()
    {
        Assert.Throws<OperatorException>(() => Find(""));
        Assert.Equal("only", NameLookup.Resolve([("only", Guid.NewGuid())], "vms", "VM", "", vm => vm.Item1, vm => vm.Item2).Item1);
    }

    private static (string Name, Guid Id) Find(string text) => NameLookup.Resolve(Vms, "vms", "VM", text, vm => vm.Name, vm => vm.Id);
}
