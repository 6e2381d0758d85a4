// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Settings of a VM through a backup into its restore point, and from there into a new VM and the job's report.</summary>
[Collection(PostgresTests.Name)]
public sealed class RestoreSettingsTests(PostgresServer postgres)
{
    private static readonly VmAffinityGroup Apart = new() { Name = "web-apart", VmsRule = new VmAffinityRule(true, true, false) };

    [Fact]
    public async Task Restore_GivesTheVmItsSettingsAndReportsTheRest()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (vm, point) = await BackedUpAsync(site);
        site.Engine.AffinityGroups[site.ClusterId] = [];

        var planned = await site.Get<RestorePreview>().PlanAsync(Request(point), TestSite.Token);
        var job = await site.RunToEndAsync(await site.Get<RestorePreview>().ApplyAsync(planned.Digest, ofOneDisk: false, lossAccepted: false, "", TestSite.Token)).WithinDeadline();

        var calls = PlannedRestoreCalls.Of(planned.Subject.Details, planned.Plan);
        Assert.Contains("POST vms/ID/tags (tag daily, where the VM has not got it from its OVF)", calls);
        Assert.Contains("PUT vms/ID (lease, where the VM has not got it from its OVF)", calls);
        Assert.DoesNotContain(calls, call => call.StartsWith("PUT or POST", StringComparison.Ordinal));

        const string Missing = "not in cluster cluster; create it or restore with --create-affinity-groups";
        Assert.Equal((JobOutcome.Warning, $"affinity group web-apart: {Missing}; initialization password: {SettingOf(job, "initialization password").Reason.TrimEnd('.')}"), (job.Outcome, job.Message));
        Assert.Equal(planned.Plan.Settings.Outcomes, job.Restore!.Settings); // what the plan said is what was done
        Assert.Equal(Missing, SettingOf(job, "affinity group web-apart").Reason);
        var restored = site.Engine.Metadata[job.Restore.NewVmId!.Value];
        var saved = site.Engine.Metadata[vm.Id];
        Assert.Equal((saved.HighAvailability, saved.Lease!.Id, true), (restored.HighAvailability, restored.Lease!.Id, restored.DeleteProtected));
        Assert.Equal(["network", "hd"], restored.BootDevices);
        Assert.Equal("web-1", restored.Initialization!.Values["host_name"]);
        Assert.Equal(["daily"], site.Engine.Vms[job.Restore.NewVmId!.Value].Tags);

        var wire = JobMessages.ToWire(job, "manager", "repository", new Dictionary<string, string>(), site.Time.GetUtcNow());
        Assert.Contains(wire.Settings, setting => setting is { Name: "lease", Value: "on nfs1", Restored: true });
        Assert.Contains(wire.Settings, setting => setting is { Name: "affinity group web-apart", Restored: false, Reason: Missing });
        Assert.Contains($"affinity group web-apart: {Missing}", wire.Notes);
    }

    [Fact]
    public async Task DeleteProtection_IsSetWhenNothingCanBeTakenBackAnyMore()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, point) = await BackedUpAsync(site);
        var id = await site.Get<RestoreAdmission>().AdmitAsync(Request(point), TestSite.Token);

        var job = await site.RunToAsync(id, JobState.StartingVm).WithinDeadline();
        Assert.False(site.Engine.Metadata[job.Restore!.NewVmId!.Value].DeleteProtected);
        Assert.NotEmpty(await site.Get<EngineLedger>().ListOpenAsync(id, TestSite.Token));

        await site.RunToEndAsync(id).WithinDeadline();
        Assert.True(site.Engine.Metadata[job.Restore.NewVmId.Value].DeleteProtected);
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(id, TestSite.Token));
    }

    [Fact]
    public async Task AnswerToTheNewGroupIsLost_OneGroupWithTheVm()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, point) = await BackedUpAsync(site);
        site.Engine.AffinityGroups[site.ClusterId] = [];
        site.Engine.Arm("CreateAffinityGroup", FaultMoment.After);

        var job = await site.RunToEndAsync(await site.Get<RestoreAdmission>().AdmitAsync(Request(point) with { CreateAffinityGroups = true }, TestSite.Token)).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.True(SettingOf(job, "affinity group web-apart").Restored);
        var group = Assert.Single(site.Engine.AffinityGroups[site.ClusterId]);
        Assert.Equal([job.Restore!.NewVmId!.Value], group.Vms);
        Assert.Equal(Apart.VmsRule, group.Group.VmsRule);
    }

    [Fact]
    public async Task ManagerRefusesOneSetting_TheOthersAreRestored()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, point) = await BackedUpAsync(site);
        site.Engine.Arm("ChangeVm", FaultMoment.Before, EngineFailure.Refused); // the first of all settings

        var job = await site.RunToEndAsync(await site.Get<RestoreAdmission>().AdmitAsync(Request(point), TestSite.Token)).WithinDeadline();

        Assert.Equal((1, JobOutcome.Warning), (site.Engine.FaultsFired, job.Outcome));
        var refused = Assert.Single(job.Restore!.Settings, setting => setting.Reason.Contains("was made to fail", StringComparison.Ordinal));
        Assert.Contains(job.Warnings, warning => warning.StartsWith($"{refused.Name}: the manager does not take it", StringComparison.Ordinal));
        Assert.True(SettingOf(job, "lease").Restored);
        Assert.True(site.Engine.Vms.ContainsKey(job.Restore.NewVmId!.Value));
    }

    [Fact]
    public async Task SettingsCannotBeGoneThroughAtAll_TheVmIsKeptAndTheJobWarns()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, point) = await BackedUpAsync(site);
        var id = await site.Get<RestoreAdmission>().AdmitAsync(Request(point), TestSite.Token);
        await site.RunToAsync(id, JobState.RestoringSettings).WithinDeadline();
        site.Engine.Arm("FindMetadata", FaultMoment.Before, EngineFailure.Refused);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((1, JobOutcome.Warning), (site.Engine.FaultsFired, job.Outcome));
        Assert.Contains("were not all restored", job.Message, StringComparison.Ordinal);
        Assert.True(site.Engine.Vms.ContainsKey(job.Restore!.NewVmId!.Value));
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task ManagerDoesNotTellTheSettings_TheBackupWarnsAndIsRestorable()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.Arm("FindMetadata", FaultMoment.Before, EngineFailure.Refused);
        var backup = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();

        Assert.Equal((1, JobOutcome.Warning), (site.Engine.FaultsFired, backup.Outcome));
        Assert.Contains("settings beyond its OVF", Assert.Single(backup.Warnings), StringComparison.Ordinal);
        var manifest = site.Mover.PointsByJob.Values.Select(site.Mover.Read).Single();
        Assert.DoesNotContain(PointFacts.Metadata, manifest.Properties.Keys);

        var job = await site.RunToEndAsync(await site.Get<RestoreAdmission>().AdmitAsync(Request(backup.PointId!), TestSite.Token)).WithinDeadline();
        Assert.Equal((JobOutcome.Succeeded, 0), (job.Outcome, job.Restore!.Settings.Count));
    }

    [Fact]
    public async Task GroupAppearedSinceThePlan_ThePlanIsRefusedWithThat()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, point) = await BackedUpAsync(site);
        var groups = site.Engine.AffinityGroups[site.ClusterId];
        site.Engine.AffinityGroups[site.ClusterId] = [];
        var planned = await site.Get<RestorePreview>().PlanAsync(Request(point), TestSite.Token);
        site.Engine.AffinityGroups[site.ClusterId] = groups;

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestorePreview>().ApplyAsync(planned.Digest, ofOneDisk: false, lossAccepted: false, "", TestSite.Token));

        Assert.Equal(FailureKind.Conflict, refused.Kind);
        Assert.Contains("setting affinity group web-apart: was", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ManagerDoesNotListGroups_TheVmIsRestoredWithoutThem()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, point) = await BackedUpAsync(site);
        site.Engine.Arm("ListAffinityGroups", FaultMoment.Before, EngineFailure.Unauthorized);

        var planned = await site.Get<RestorePreview>().PlanAsync(Request(point), TestSite.Token);

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Empty(planned.Plan.Problems);
        var group = Assert.Single(planned.Plan.Settings.Outcomes, outcome => outcome.Name == "affinity group web-apart");
        Assert.False(group.Restored);
        Assert.Contains("does not tell its affinity groups", group.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreatingGroupsOverTheOriginal_IsRefused()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, point) = await BackedUpAsync(site);

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestoreAdmission>().AdmitAsync(
            new RestoreRequest { Point = point[..8], Scope = RestoreScope.Overwrite, CreateAffinityGroups = true }, TestSite.Token));

        Assert.Contains("create_affinity_groups", refused.Message, StringComparison.Ordinal);
    }

    private static RestoreRequest Request(string point) => new() { Point = point[..8], Name = "restored", Nics = NicChoice.None };

    private static SettingOutcome SettingOf(Job job, string name) => Assert.Single(job.Restore!.Settings, setting => setting.Name == name);

    private static async Task<(EngineVm Vm, string Point)> BackedUpAsync(TestSite site)
    {
        var vm = site.AddVm("vm");
        site.Engine.Vms[vm.Id] = vm with { Tags = ["daily"] };
        site.Engine.Inventory = site.Engine.Inventory with { Tags = [new EngineTag(Guid.NewGuid(), "daily", null)] };
        site.Engine.AffinityGroups[site.ClusterId] = [new EngineAffinityGroup(Guid.NewGuid(), Apart, [vm.Id])];
        site.Engine.Metadata[vm.Id] = new VmMetadata
        {
            DeleteProtected = true,
            BootDevices = ["network", "hd"],
            HighAvailability = new VmAvailability(true, 50),
            Lease = new NamedObject(site.FileDomainId, ""),
            Initialization = new VmInitialization(new Dictionary<string, string> { ["host_name"] = "web-1" }, [], HasPassword: true, HasLicenseKey: false),
        };
        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        return (vm, job.PointId!);
    }
}
