// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What a request asks for and what it gets: once, and of the disks that can be backed up.</summary>
[Collection(PostgresTests.Name)]
public sealed class BackupRequestTests(PostgresServer postgres)
{
    [Fact]
    public async Task SameRequestTwice_OneJob()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");

        var first = await site.BackUpAsync(vm.Name, requestId: "request-1");
        var second = await site.BackUpAsync(vm.Name, requestId: "request-1");

        Assert.Equal(first, second);
        await using var context = site.Database();
        Assert.Equal(1, await context.Jobs.CountAsync(TestSite.Token));
    }

    [Fact]
    public async Task UnpluggedDisk_IsAWarningAndLunIsANote()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        var unplugged = site.NewDisk("unplugged") with { Active = false };
        var lun = site.NewDisk("lun") with { StorageType = "lun" };
        site.Engine.Vms[vm.Id] = vm with { Disks = [.. vm.Disks, unplugged, lun] };

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("unplugged", Assert.Single(job.Warnings), StringComparison.Ordinal);
        Assert.Contains(job.Notes, note => note.Contains("lun", StringComparison.Ordinal));
        Assert.Single(job.Tasks);
    }
}
