// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Inventory.Selection;

/// <summary>Selections against a manager: what was tagged a minute ago counts, and a manager that is away stops nothing.</summary>
[Collection(PostgresTests.Name)]
public sealed class VmSelectorTests(PostgresServer postgres)
{
    [Fact]
    public async Task VmTaggedSinceTheInventoryWasRead_IsBackedUp()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var tag = new EngineTag(Guid.NewGuid(), "daily", null);
        site.Engine.Inventory = site.Engine.Inventory with { Tags = [tag] };
        var (web, db) = (site.AddVm("web"), site.AddVm("db", disks: 2));
        site.AddVm("lab");
        await site.ReadInventoryAsync();
        site.Engine.Vms[web.Id] = web with { Tags = ["daily"] };
        site.Engine.Vms[db.Id] = db with { Tags = ["daily"] };
        var selection = new VmSelection { Tags = ["daily"], ExcludedDisks = ["db_*2"] };

        var planned = await site.Get<BackupPreview>().PlanAsync(Request(selection), TestSite.Token);
        var admitted = await site.Get<JobAdmission>().AdmitBackupAsync(Request(selection), TestSite.Token);

        Assert.Equal(["db: tag 'daily'", "web: tag 'daily'"], planned.Plans.Select(plan => $"{plan.Vm.Name}: {string.Join(", ", plan.SelectedBy)}"));
        var jobs = new List<Job>();
        foreach (var id in admitted.Jobs)
        {
            jobs.Add(await site.RunToEndAsync(id).WithinDeadline());
        }

        Assert.Equal(["db", "web"], jobs.Select(job => job.VmName));
        Assert.All(jobs, job => Assert.Equal(JobOutcome.Succeeded, job.Outcome));
        Assert.Equal("db_disk1", Assert.Single(jobs[0].Tasks).DiskAlias);
        Assert.Contains("db_disk2 left out: excluded by the request (db_*2)", Assert.Single(jobs[0].Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ManagerIsAway_WhatWasKnownLastCounts()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web-1");
        await site.ReadInventoryAsync();
        site.Engine.Arm("ReadProduct", FaultMoment.Before);

        var admitted = await site.Get<JobAdmission>().AdmitBackupAsync(Request(new VmSelection { Patterns = ["web-*"] }), TestSite.Token);

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Single(admitted.Jobs);
    }

    private static BackupRequest Request(VmSelection selection) => new(selection, "", "", false, "", "");
}
