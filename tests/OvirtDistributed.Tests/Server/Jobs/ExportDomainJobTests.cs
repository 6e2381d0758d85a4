// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Workers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Snapshot, clone, export, clean-up, and the way back: each call once, whatever answer is lost, and nothing left.</summary>
[Collection(PostgresTests.Name)]
public sealed class ExportDomainJobTests(PostgresServer postgres)
{
    private const string Location = "nfs.example:/export/backup/dc";

    private readonly Guid _domainId = Guid.NewGuid();

    [Fact]
    public async Task Backup_ReadsTheExportedCloneAndLeavesNothing()
    {
        await using var site = await StartAsync();
        var other = Guid.NewGuid();
        await AddWorkerAsync(site, [Location + "/"], other);
        var vm = site.AddVm("vm", disks: 2, status: "up");
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.ExportDomain);
        var job = await site.DriveAsync(id, JobState.Copying);
        var clone = Assert.Single(site.Engine.Vms.Values, candidate => candidate.Name == ExportedImages.CloneName(id));
        Assert.All(job.Tasks, task => Assert.Equal(other, task.ClusterId));
        var task = job.Tasks.Single(candidate => candidate.DiskAlias == "vm_disk2");
        var claim = await site.LeaseAsync(task);

        var order = await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);

        var wire = OrderMessages.ToWire(order!, claim, site.Options).Backup;
        var copy = clone.Disks.Single(disk => disk.Alias == $"vm_disk2_{clone.Name}");
        Assert.Equal((null, null, null), (wire.ImageTransfer, wire.AttachedDisk, wire.SshDisk));
        Assert.Equal(
            new ExportDisk
            {
                StorageDomainId = $"{_domainId}",
                Location = Location,
                VmId = $"{clone.Id}",
                DiskId = $"{copy.Id}",
                VolumeId = $"{site.Engine.Volumes[copy.Id][0].Id}",
                Format = "qcow2",
                Sparse = true,
            },
            wire.ExportDisk);
        await site.SucceedAsync(claim, task);
        var ended = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal((JobOutcome.Succeeded, ""), (ended.Outcome, ended.Message));
        Assert.Equal(TransportModes.ExportDomain, site.Mover.Read(site.Mover.PointsByJob[id]).TransportMode);
        await HoldsNothingAsync(site, vm);
    }

    [Theory]
    [InlineData("CloneSnapshot")]
    [InlineData("ExportVm")]
    [InlineData("DeleteExported")]
    [InlineData("DeleteVmWithDisks")]
    public async Task Backup_AnswerIsLost_NothingIsMadeTwiceAndNothingStays(string call)
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);
        var vm = site.AddVm("vm");
        site.Engine.Arm(call, FaultMoment.After);

        var ended = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: TransportModes.ExportDomain)).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal((JobOutcome.Succeeded, ""), (ended.Outcome, ended.Message));
        Assert.Single(site.Engine.Calls, made => made == nameof(IEngine.CloneSnapshotAsync));
        await HoldsNothingAsync(site, vm);
    }

    [Fact]
    public async Task Backup_ExportComesToNothing_FailsAndIsUndone()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);
        var vm = site.AddVm("vm");
        site.Engine.FailExport = true;

        var ended = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: TransportModes.ExportDomain)).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, ended.Outcome);
        Assert.Contains("could not export VM ovd-export-", ended.Message, StringComparison.Ordinal);
        await HoldsNothingAsync(site, vm);
    }

    [Fact]
    public async Task Refusals_NameWhatIsMissingAndWhatToDo()
    {
        await using var site = await StartAsync();
        var vm = site.AddVm("vm", disks: 2);
        await RefusedAsync(site, "none of the 0 registered says so", $"Worker:ExportDomains:{_domainId}");

        await AddWorkerAsync(site, ["nfs.example:/export/other", $"{_domainId}"]);
        site.Engine.Vms[vm.Id] = vm with { Disks = [.. vm.Disks.Select(disk => disk with { Alias = "data" })] };
        await RefusedAsync(site, "2 disks of the same size that are named 'data'");

        site.Engine.Vms[vm.Id] = vm;
        site.Engine.DomainStatus = "maintenance";
        const string Inactive = "export domain export1 is maintenance in the data center of cluster cluster: activate it";
        await RefusedAsync(site, Inactive);
        site.Engine.DomainStatus = "active";
        var admitted = await site.BackUpAsync(vm.Name, mode: TransportModes.ExportDomain);
        site.Engine.DomainStatus = "maintenance";
        Assert.Contains(Inactive, (await site.RunToEndAsync(admitted).WithinDeadline()).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(nameof(IEngine.CreateSnapshotAsync), site.Engine.Calls);

        site.Engine.Inventory = site.Engine.Inventory with { StorageDomains = [.. site.Engine.Inventory.StorageDomains.Where(domain => domain.Type == "data")] };
        await RefusedAsync(site, "the data center of cluster cluster has none", "attach an NFS domain of type export");
    }

    [Fact]
    public async Task Auto_TakesItOnlyWhereNothingElseWorks()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);
        var vm = site.AddVm("vm");
        await site.ReadInventoryAsync();
        Assert.Equal(TransportModes.Cbt, (await ChooseAsync(site, vm)).TransportMode);

        site.Engine.ProductVersion = "4.1.9";
        await site.ReadInventoryAsync();
        var last = await ChooseAsync(site, vm);

        Assert.Equal((TransportModes.ExportDomain, false), (last.TransportMode, last.KeepsSnapshot()));
        Assert.Contains("older than 4.2", last.TransportReason, StringComparison.Ordinal);
        Assert.Contains("the hosts cannot be reached over SSH", last.TransportReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lease_WorkerWithoutTheMountIsRefusedAndTheOfferGoesOutAgain()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);
        await AddWorkerAsync(site, [], id: "without");
        var id = await site.BackUpAsync(site.AddVm("vm").Name, mode: TransportModes.ExportDomain);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        await using var context = site.Database();
        var before = context.Outbox.Count();

        Assert.Null(await site.Get<ExportLeases>().ExplainUnfitAsync(TestSite.WorkerId, task.Id, task.Attempt, TestSite.Token).WithinDeadline());
        var refusal = await site.Get<ExportLeases>().ExplainUnfitAsync("without", task.Id, task.Attempt, TestSite.Token).WithinDeadline();

        Assert.Equal("worker without does not have export domain export1 mounted", refusal);
        Assert.Equal(before + 1, context.Outbox.Count());
    }

    [Fact]
    public async Task Plan_NamesCloneExportAndCleanUp()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);
        var vm = site.AddVm("vm");
        await site.ReadInventoryAsync();

        var request = new BackupRequest(VmSelection.Of(vm.Name), "", "", false, "", "") { TransportMode = TransportModes.ExportDomain };
        var plan = Assert.Single((await site.Get<BackupPreview>().PlanAsync(request, TestSite.Token).WithinDeadline()).Plans);

        Assert.Equal(
            [
                $"POST vms/{vm.Id}/snapshots (vm_disk1, without memory)", "POST vms?clone=true (ovd-export-JOB, of the snapshot)", "POST vms/CLONE/export (to export1)",
                $"DELETE storagedomains/{_domainId}/vms/CLONE", "DELETE vms/CLONE", $"DELETE vms/{vm.Id}/snapshots/ID",
            ],
            plan.Calls);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ImportVm")]
    [InlineData("DeleteExported")]
    public async Task Restore_ImportsWhatWorkersWroteAndDeletesItThere(string lost)
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);
        var id = await RestoreAsync(site, TransportModes.ExportDomain);
        var job = await site.DriveAsync(id, JobState.Copying);
        var target = job.Restore!.Export!;
        Assert.Empty(site.Engine.Disks);
        site.Engine.ImportedDescription = EngineMarker.Of(site.InstanceId, site.RepositoryId, id);
        site.Engine.Exported.Add(target.VmId);
        if (lost.Length > 0)
        {
            site.Engine.Arm(lost, FaultMoment.After);
        }

        var ended = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(lost.Length > 0 ? 1 : 0, site.Engine.FaultsFired);
        Assert.Equal((JobOutcome.Succeeded, ""), (ended.Outcome, ended.Message));
        var vm = Assert.Single(site.Engine.Vms.Values, candidate => candidate.Name == "restored");
        Assert.Equal((vm.Id, ""), (ended.Restore!.NewVmId, vm.Description));
        Assert.Single(site.Engine.Calls, call => call == nameof(IEngine.ImportVmAsync));
        Assert.Empty(site.Engine.Exported);
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task Restore_FailsMeanwhile_WhatLiesInTheExportDomainIsDeleted()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);
        var id = await RestoreAsync(site, TransportModes.ExportDomain);
        var job = await site.DriveAsync(id, JobState.Copying);
        var claim = await site.LeaseAsync(Assert.Single(job.Tasks));
        var order = OrderMessages.ToWire((await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token))!, claim, site.Options);
        Assert.Contains($"{order.Restore.ExportDisk.DiskId}/{order.Restore.ExportDisk.VolumeId}", order.Restore.ExportDisk.Ovf, StringComparison.Ordinal);
        Assert.True(order.Restore.TargetIsZero);
        site.Engine.Exported.Add(job.Restore!.Export!.VmId);
        await site.FailAsync(claim, "BadOrder");

        var ended = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, ended.Outcome);
        Assert.Empty(site.Engine.Exported);
        Assert.DoesNotContain(nameof(IEngine.ImportVmAsync), site.Engine.Calls);
    }

    [Fact]
    public async Task Restore_PointWithoutUsableOvf_IsRefused()
    {
        await using var site = await StartAsync();
        await AddWorkerAsync(site, [$"{_domainId}"]);

        var ended = await site.RunToEndAsync(await RestoreAsync(site, TransportModes.Cbt)).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, ended.Outcome);
        Assert.Contains("its OVF has no description of a VM's hardware. Restore it in another transport mode", ended.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reconciler_JobIsUnknown_ExportCloneAndSnapshotGoInThisOrder()
    {
        await using var site = await StartAsync();
        var (jobId, vm) = (Guid.NewGuid(), site.AddVm("vm"));
        var marker = EngineMarker.Of(site.InstanceId, site.RepositoryId, jobId);
        var clone = site.AddVm(ExportedImages.CloneName(jobId));
        site.Engine.Vms[clone.Id] = clone with { Description = marker };
        var snapshot = site.Engine.TakeSnapshot(vm.Id, marker);
        _ = await site.Engine.FindSnapshotAsync(vm.Id, snapshot.Id, TestSite.Token);
        site.Engine.Exported.Add(clone.Id);
        var owner = LedgerOwner.OfJob(site.ManagerId, jobId);
        var ledger = site.Get<EngineLedger>();
        await ledger.ConfirmAsync(await ledger.OpenAsync(LedgerKind.Snapshot, owner, vm.Id, TestSite.Token), snapshot.Id, TestSite.Token);

        // Its answer was lost: found by its name.
        _ = await ledger.OpenAsync(LedgerKind.ClonedVm, owner, vm.Id, TestSite.Token);
        await ledger.ConfirmAsync(await ledger.OpenAsync(LedgerKind.ExportedVm, owner, _domainId, clone.Id, TestSite.Token), clone.Id, TestSite.Token);
        site.Time.Advance(site.Options.RequestLifetime + TimeSpan.FromMinutes(1));

        var reconciler = site.Get<Reconciler>();
        await Deadline.UntilAsync(async () => await reconciler.ReconcileAsync(TestSite.Token) == 0, "nothing is left");

        string[] removals = [nameof(IEngine.DeleteExportedAsync), nameof(IEngine.DeleteVmWithDisksAsync), nameof(IEngine.DeleteSnapshotAsync)];
        Assert.Equal(removals, site.Engine.Calls.Where(removals.Contains));
        await HoldsNothingAsync(site, vm);
    }

    private static async Task<BackupDetails> ChooseAsync(TestSite site, EngineVm vm)
    {
        await using var database = site.Database();
        var cluster = site.Engine.Inventory.Clusters.Single();
        var manager = await database.Managers.AsNoTracking().SingleAsync(TestSite.Token);
        var (details, refusal) = await BackupPlanner.ChooseModeAsync(database, manager, vm, cluster, new BackupDetails(), await site.Get<WorkerClusters>().LookAsync(database, TestSite.Token), TestSite.Token).WithinDeadline();
        Assert.Null(refusal);
        return details;
    }

    private static async Task RefusedAsync(TestSite site, params string[] texts)
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync("vm", mode: TransportModes.ExportDomain)).WithinDeadline();
        Assert.All(texts, text => Assert.Contains(text, refused.Message, StringComparison.Ordinal));
    }

    private static async Task<Guid> RestoreAsync(TestSite site, string backupMode)
    {
        var vm = site.AddVm("vm");
        var backup = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: backupMode)).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, backup.Outcome);
        return await site.Get<RestoreAdmission>().AdmitAsync(new RestoreRequest { Point = backup.PointId!, Name = "restored", TransportMode = TransportModes.ExportDomain }, TestSite.Token);
    }

    private static async Task HoldsNothingAsync(TestSite site, EngineVm vm)
    {
        Assert.Equal([vm.Id], site.Engine.Vms.Keys);
        Assert.Empty(site.Engine.Exported);
        Assert.Empty(site.Engine.Snapshots.GetValueOrDefault(vm.Id, []));
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    private static async Task AddWorkerAsync(TestSite site, IReadOnlyList<string> mounts, Guid? clusterId = null, string id = TestSite.WorkerId)
    {
        await using var context = site.Database();
        context.Workers.Add(new StoredWorker { Id = id, Name = id, ClusterId = clusterId ?? site.ClusterId, TransportModes = TransportModes.All, ExportDomains = mounts, LastSeen = site.Time.GetUtcNow() });
        await context.SaveChangesAsync(TestSite.Token);
    }

    private async Task<TestSite> StartAsync()
    {
        var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var dataCenter = site.Engine.Inventory.DataCenters[0].Id;
        site.Engine.Inventory = site.Engine.Inventory with
        {
            StorageDomains =
            [
                .. site.Engine.Inventory.StorageDomains,
                new EngineStorageDomain(_domainId, "export1", "export", "nfs", 1 << 30, 0, [dataCenter]) { Location = Location },
                new EngineStorageDomain(Guid.NewGuid(), "another", "export", "nfs", 1 << 30, 0, [Guid.NewGuid()]) { Location = "nfs.example:/export/backup/other" },
            ],
        };
        return site;
    }
}
