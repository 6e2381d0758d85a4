// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Managers;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

public sealed class RestoreDiskPlannerTests
{
    [Theory]
    [InlineData("nfs", "raw", true, "raw", true, false, true)]
    [InlineData("nfs", "cow", true, "cow", true, false, true)]
    [InlineData("nfs", "cow", false, "cow", true, true, true)]
    [InlineData("iscsi", "raw", true, "raw", false, true, false)]
    [InlineData("fcp", "raw", true, "raw", false, true, false)]
    [InlineData("iscsi", "raw", false, "raw", false, false, false)]
    [InlineData("iscsi", "cow", true, "cow", true, false, true)]
    public void Allocation_FollowsTheStorage(string storage, string format, bool sparse, string madeFormat, bool madeSparse, bool noted, bool readsAsZero)
    {
        var (plan, notes) = RestoreDiskPlanner.Plan(Disk(format, sparse), null, Domain(storage), Request());

        Assert.Equal((madeFormat, madeSparse, readsAsZero), (plan.Format, plan.Sparse, plan.ReadsAsZero));
        Assert.Equal(noted, notes.Count > 0);
    }

    [Fact]
    public void CowOnBlockStorage_HoldsAllThatMayBeWritten()
    {
        var onBlock = RestoreDiskPlanner.Plan(Disk("cow", sparse: true), null, Domain("iscsi"), Request()).Plan;
        var onFile = RestoreDiskPlanner.Plan(Disk("cow", sparse: true), null, Domain("nfs"), Request()).Plan;

        Assert.True(onBlock.InitialSizeBytes > 1 << 30);
        Assert.Null(onFile.InitialSizeBytes);
    }

    [Fact]
    public void WhatWasAskedFor_WinsOverWhatItWas()
    {
        var plan = RestoreDiskPlanner.Plan(Disk("cow", sparse: true), null, Domain("nfs"), Request() with { Format = "raw", Allocation = "preallocated" }).Plan;

        Assert.Equal(("raw", false), (plan.Format, plan.Sparse));
    }

    [Fact]
    public void IncrementalWasEnabled_ItIsAgain()
    {
        var original = new EngineDisk { Id = Guid.NewGuid(), Alias = "disk", IncrementalEnabled = true };

        Assert.True(RestoreDiskPlanner.Plan(Disk("cow", sparse: true), original, Domain("nfs"), Request()).Plan.IncrementalEnabled);
    }

    private static ManifestDisk Disk(string format, bool sparse) => new()
    {
        DiskId = Guid.NewGuid().ToString("D"),
        Alias = "disk",
        Root = new DiskRoot(default, 1, 1 << 30),
        Format = format,
        Sparse = sparse,
    };

    private static EngineStorageDomain Domain(string storage) => new(Guid.NewGuid(), "domain", "data", storage, 1, 1, []);

    private static RestoreDetails Request() => new() { PointId = "point", NewName = "name", ClusterId = Guid.NewGuid() };
}
