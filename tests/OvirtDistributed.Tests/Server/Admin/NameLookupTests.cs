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
    public void EmptyName_NeedsASingleCandidate()
    {
        Assert.Throws<OperatorException>(() => Find(""));
        Assert.Equal("only", NameLookup.Resolve([("only", Guid.NewGuid())], "vms", "VM", "", vm => vm.Item1, vm => vm.Item2).Item1);
    }

    private static (string Name, Guid Id) Find(string text) => NameLookup.Resolve(Vms, "vms", "VM", text, vm => vm.Name, vm => vm.Id);
}
