// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What <c>ovd plan backup</c> refuses, <c>ovd backup run</c> refuses too, before a job is made.</summary>
[Collection(PostgresTests.Name)]
public sealed class BackupRefusalTests(PostgresServer postgres)
{
    [Theory]
    [InlineData("every disk excluded", "none of its disks can be backed up (web_disk1: excluded by the request (*disk*))")]
    [InlineData("no disks", "it has no disks")]
    [InlineData("disk-attachment without a worker VM", "transport mode disk-attachment needs a worker")]
    [InlineData("required in a snapshot mode", "consistency is required, and in transport mode image-transfer")]
    [InlineData("ssh not set up", "transport mode ssh needs SSH access")]
    [InlineData("no export domain", "transport mode export-domain needs an export storage domain")]
    [InlineData("suspended", "it is suspended")]
    [InlineData("hosted engine", "it is the hosted engine")]
    public async Task PlanRefuses_SoDoesRunWithTheSameWords(string situation, string reason)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("web", status: "up");
        var request = Request(VmSelection.Of("web"));
        (site.Engine.Vms[vm.Id], request) = situation switch
        {
            "every disk excluded" => (vm, Request(VmSelection.Of("web") with { ExcludedDisks = ["*disk*"] })),
            "no disks" => (vm with { Disks = [] }, request),
            "disk-attachment without a worker VM" => (vm, request with { TransportMode = TransportModes.DiskAttachment }),
            "required in a snapshot mode" => (vm, request with { TransportMode = TransportModes.ImageTransfer, Consistency = ConsistencyRules.Required }),
            "ssh not set up" => (vm, request with { TransportMode = TransportModes.Ssh }),
            "no export domain" => (vm, request with { TransportMode = TransportModes.ExportDomain }),
            "suspended" => (vm with { Status = "suspended" }, request),
            _ => (vm with { HostedEngine = true }, request),
        };
        await site.ReadInventoryAsync();

        var plan = Assert.Single((await site.Get<BackupPreview>().PlanAsync(request, TestSite.Token)).Plans);
        Assert.Contains(reason, plan.Refusal, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<OperatorException>(() => AdmitAsync(site, request));
        Assert.Equal((FailureKind.WrongState, $"VM web cannot be backed up: {plan.Refusal}."), (refused.Kind, refused.Message));
        await using var context = site.Database();
        Assert.Equal(0, await context.Jobs.CountAsync(TestSite.Token));
    }

    [Fact]
    public async Task SeveralVms_TheOthersGoOnAndTheReasonIsOnRecord()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web-1");
        var empty = site.AddVm("web-2");
        site.Engine.Vms[empty.Id] = empty with { Disks = [] };
        await site.ReadInventoryAsync();

        var admitted = await AdmitAsync(site, Request(new VmSelection { Patterns = ["web-*"] }));

        Assert.Equal(("web-2", "it has no disks"), Assert.Single(admitted.Refused) is var refused ? (refused.Vm.Name, refused.Obstacle.Text) : default);
        var jobs = new List<Job>();
        foreach (var id in admitted.Jobs)
        {
            jobs.Add(await site.RunToEndAsync(id).WithinDeadline());
        }

        Assert.Equal(
            [("web-1", JobOutcome.Succeeded, ""), ("web-2", JobOutcome.Failed, "VM web-2 cannot be backed up: it has no disks.")],
            jobs.OrderBy(job => job.VmName, StringComparer.Ordinal).Select(job => (job.VmName, job.Outcome, job.Message)));
    }

    [Fact]
    public async Task SeveralVmsAndNoneCanBe_IsRefusedWithOneSentence()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        foreach (var number in Enumerable.Range(1, 7))
        {
            site.AddVm($"web-{number}");
        }

        await site.ReadInventoryAsync();

        var request = Request(new VmSelection { Patterns = ["web-*"] }) with { TransportMode = TransportModes.Ssh };
        var refused = await Assert.ThrowsAsync<OperatorException>(() => AdmitAsync(site, request));

        Assert.Equal($"VMs web-1, web-2, web-3, web-4, web-5 and 2 more cannot be backed up: {TransportChoice.NeedsSsh}.", refused.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RulesWhileNoWorkerIsThere_TheJobsWaitForOneAndAreOnRecordIfNoneComes(bool comes)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var worker = site.Options.EmbeddedWorkers[0];
        site.Options.EmbeddedWorkers.Clear();
        site.AddVm("web-1");
        var empty = site.AddVm("web-2");
        site.Engine.Vms[empty.Id] = empty with { Disks = [] };
        await site.ReadInventoryAsync();
        await Assert.ThrowsAsync<OperatorException>(() => AdmitAsync(site, Request(VmSelection.Of("web-1", "web-2"))));

        var admitted = await AdmitAsync(site, Request(new VmSelection { Patterns = ["web-*"] }));

        Assert.Equal(["web-1", "web-2"], admitted.Refused.Select(refused => refused.Vm.Name).Order(StringComparer.Ordinal));
        var id = admitted.Jobs[0];
        foreach (var candidate in admitted.Jobs)
        {
            id = (await site.JobAsync(candidate)).VmName == "web-1" ? candidate : id;
        }

        await site.StepAsync(id);
        Assert.Equal(JobState.Preparing, (await site.JobAsync(id)).State);
        if (comes)
        {
            site.Options.EmbeddedWorkers.Add(worker);
        }
        else
        {
            site.Time.Advance(site.Options.StepPatience + TimeSpan.FromSeconds(1));
        }

        var job = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal(comes ? JobOutcome.Succeeded : JobOutcome.Failed, job.Outcome);
        Assert.StartsWith(comes ? "" : "VM web-1 cannot be backed up: cluster cluster has no worker: start one", job.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task VmWasShutDownSinceTheInventoryWasRead_TheManagerHasTheLastWordIfItAnswers(bool answers)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("web", status: "up");
        await site.ReadInventoryAsync();
        site.Engine.Vms[vm.Id] = vm with { Status = "down" };
        if (!answers)
        {
            site.Engine.Arm("FindVm", FaultMoment.Before);
        }

        var request = Request(VmSelection.Of("web")) with { TransportMode = TransportModes.ImageTransfer, Consistency = ConsistencyRules.Required };
        var admit = () => AdmitAsync(site, request);

        if (answers)
        {
            Assert.Empty((await admit()).Refused);
        }
        else
        {
            await Assert.ThrowsAsync<OperatorException>(admit);
        }
    }

    [Fact]
    public async Task VmIsOnItsWayUp_TheJobWaitsForIt()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("web", status: "powering_up");

        var job = await site.RunToEndAsync(await site.BackUpAsync("web")).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
    }

    private static BackupRequest Request(VmSelection selection) => new(selection, "", "", false, "", "");

    private static Task<AdmittedBackups> AdmitAsync(TestSite site, BackupRequest request) => site.Get<JobAdmission>().AdmitBackupAsync(request, TestSite.Token);
}
