// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What a request asks for and what it gets: once, and of the disks that can be backed up.</summary>
[Collection(PostgresTests.Name)]
public sealed class BackupRequestTests(PostgresServer postgres)
{
    [Fact]
    public async Task RequestIdOfAnotherRequest_IsRefusedAndNamesWhatItMade()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (vm, other) = (site.AddVm("vm"), site.AddVm("other"));
        var first = await site.BackUpAsync(vm.Name, requestId: "nightly");

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(other.Name, requestId: "nightly"));
        Assert.Contains("request_id 'nightly'", refused.Message, StringComparison.Ordinal);
        Assert.Contains(first.ToString("D"), refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(vm.Name, full: true, requestId: "nightly"));
        Assert.Equal(first, await site.BackUpAsync(vm.Name, requestId: "nightly"));
    }

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
    public async Task SeveralRequestsAtTheSameMoment_OneBacksTheVmUpAndTheOthersAreTold()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await site.ReadInventoryAsync();
        var admission = site.Get<JobAdmission>();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async number =>
        {
            try
            {
                return (Jobs: (await admission.AdmitBackupAsync(new BackupRequest(VmSelection.Of(vm.Name), "", "", false, "", $"request-{number}"), TestSite.Token)).Jobs, Refusal: (OperatorException?)null);
            }
            catch (OperatorException refusal)
            {
                return (Jobs: (IReadOnlyList<Guid>)[], Refusal: (OperatorException?)refusal);
            }
        })).WithinDeadline();

        var job = Assert.Single(answers.SelectMany(answer => answer.Jobs));
        var refusals = answers.Select(answer => answer.Refusal).OfType<OperatorException>().ToList();
        Assert.Equal(7, refusals.Count);
        Assert.All(refusals, refusal => Assert.Contains(job.ToString(), refusal.Message, StringComparison.Ordinal));
        Assert.Equal(JobOutcome.Succeeded, (await site.RunToEndAsync(job).WithinDeadline()).Outcome);
        Assert.Equal(JobOutcome.Succeeded, (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).Outcome);
    }

    [Fact]
    public async Task RepositoryThatCannotBeUsed_IsRefusedWithItsProblemBeforeTheManagerHears()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await using (var context = site.Database())
        {
            await context.Repositories.ExecuteUpdateAsync(
                set => set.SetProperty(row => row.Condition, RepositoryCondition.Failed).SetProperty(row => row.Problem, "read-only file system"), TestSite.Token);
        }

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.Contains("read-only file system", refused.Message, StringComparison.Ordinal);
        await using var after = site.Database();
        Assert.Equal(0, await after.Jobs.CountAsync(TestSite.Token));
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
