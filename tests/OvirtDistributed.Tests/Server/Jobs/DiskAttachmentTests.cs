// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
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

/// <summary>Backups and restores in which the disks are attached to the worker's own VM.</summary>
[Collection(PostgresTests.Name)]
public sealed class DiskAttachmentTests(PostgresServer postgres)
{
    [Fact]
    public async Task Backup_AttachesTheSnapshotAndLeavesNothing()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var workerVm = await site.AddWorkerVmAsync();
        var vm = site.AddVm("vm", disks: 2);
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.DiskAttachment);
        var copying = await site.DriveAsync(id, JobState.Copying);
        var claim = await site.LeaseAsync(copying.Tasks[0]);

        var order = await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        Assert.NotNull(await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token));

        Assert.Null(order!.Transfer);
        var attached = Assert.Single(site.Engine.Attachments[workerVm.Id]);
        Assert.Equal((copying.Tasks[0].DiskId, Assert.Single(site.Engine.Snapshots[vm.Id]).Id), (attached.DiskId, attached.SnapshotId!.Value));
        await site.SucceedAsync(claim, copying.Tasks[0]);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Empty(site.Engine.Snapshots[vm.Id]);
        Assert.Empty(site.Engine.Transfers);
        var manifest = site.Mover.Read(site.Mover.PointsByJob[id]);
        Assert.Equal((TransportModes.DiskAttachment, null), (manifest.TransportMode, manifest.CheckpointId));
        await NothingIsLeftAsync(site);
    }

    [Theory]
    [InlineData("AttachToWorker", true)]
    [InlineData("AttachToWorker", false)]
    [InlineData("UnplugDisk", true)]
    [InlineData("DetachDisk", true)]
    [InlineData("DetachDisk", false)]
    public async Task CallFails_TheDiskIsAttachedAndDetachedAllTheSame(string call, bool carriedOut)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        await site.AddWorkerVmAsync();
        var vm = site.AddVm("vm");
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.DiskAttachment);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        site.Engine.Arm(call, carriedOut ? FaultMoment.After : FaultMoment.Before);
        var claim = await site.LeaseAsync(task);
        if (await Record.ExceptionAsync(() => site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token)) is EngineException)
        {
            await site.FailAsync(claim);
        }
        else
        {
            await site.SucceedAsync(claim, task);
        }

        // An attachment whose request went unanswered may still arrive: it is waited for.
        site.Time.Advance(site.Options.RequestLifetime + TimeSpan.FromSeconds(1));
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        await NothingIsLeftAsync(site);
    }

    [Fact]
    public async Task WorkerLost_ItsAttachmentGoesBeforeTheNextAttempt()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var workerVm = await site.AddWorkerVmAsync();
        var id = await site.BackUpAsync(site.AddVm("vm").Name, mode: TransportModes.DiskAttachment);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        Assert.NotNull(await site.Get<AttemptPreparation>().PrepareAsync(await site.LeaseAsync(task), TestSite.Token));

        site.Time.Advance(site.Options.LeaseDuration + site.Options.LeaseGrace + TimeSpan.FromSeconds(1));
        for (var round = 0; round < 10 && (await site.JobAsync(id)).Tasks[0].Attempt == 1; round++)
        {
            await site.StepAsync(id);
        }

        Assert.Equal(2, (await site.JobAsync(id)).Tasks[0].Attempt);
        Assert.Empty(site.Engine.Attachments[workerVm.Id]);
        var job = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        await NothingIsLeftAsync(site);
    }

    [Fact]
    public async Task LeaseLostWhileWaitingForTheVmsTurn_NothingIsAttached()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var workerVm = await site.AddWorkerVmAsync();
        var id = await site.BackUpAsync(site.AddVm("vm").Name, mode: TransportModes.DiskAttachment);
        var claim = await site.LeaseAsync(Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks));
        Task<AttemptOrder?> order;
        await using (await site.Get<PreparationLocks>().EnterAsync(workerVm.Id, TestSite.Token))
        {
            var before = site.Engine.Calls.Count;
            order = site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
            await Deadline.UntilAsync(() => Task.FromResult(site.Engine.Calls.Count > before), "it looked for the worker's VM", TimeSpan.FromSeconds(30));
            await site.FailAsync(claim);
        }

        Assert.Null(await order.WithinDeadline());
        Assert.DoesNotContain(site.Engine.Calls, call => call.StartsWith("AttachToWorker", StringComparison.Ordinal));
    }

    [Fact]
    public async Task JobsOnOneWorker_EachHasItsOwnDiskUntilTheVmsLimit()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        // Its own disk counts too.
        site.Options.MaxAttachedDisks = 3;
        var workerVm = await site.AddWorkerVmAsync();
        var started = new List<(Guid Id, DiskTask Task, LeaseClaim Claim)>();
        foreach (var name in new[] { "first", "second", "third" })
        {
            var id = await site.BackUpAsync(site.AddVm(name).Name, mode: TransportModes.DiskAttachment);
            var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
            started.Add((id, task, await site.LeaseAsync(task)));
        }

        foreach (var (_, _, claim) in started.Take(2))
        {
            Assert.NotNull(await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token));
        }

        var refused = await Assert.ThrowsAsync<EngineException>(() => site.Get<AttemptPreparation>().PrepareAsync(started[2].Claim, TestSite.Token));
        Assert.Contains("the limit is 3 (Server:MaxAttachedDisks)", refused.Message, StringComparison.Ordinal);
        Assert.True(refused.IsPassing);
        Assert.Equal([started[0].Task.DiskId, started[1].Task.DiskId], site.Engine.Attachments[workerVm.Id].Select(attached => attached.DiskId));

        await site.SucceedAsync(started[0].Claim, started[0].Task);
        Assert.Equal(JobOutcome.Succeeded, (await site.RunToEndAsync(started[0].Id).WithinDeadline()).Outcome);
        Assert.Equal(started[1].Task.DiskId, Assert.Single(site.Engine.Attachments[workerVm.Id]).DiskId);
        Assert.NotNull(await site.Get<AttemptPreparation>().PrepareAsync(started[2].Claim, TestSite.Token));
        foreach (var (id, task, claim) in started.Skip(1))
        {
            await site.SucceedAsync(claim, task);
            Assert.Equal(JobOutcome.Succeeded, (await site.RunToEndAsync(id).WithinDeadline()).Outcome);
        }

        await NothingIsLeftAsync(site);
    }

    [Fact]
    public async Task AllSlotsOfAWorkerAskAtOnce_NoMoreDisksThanTheLimitAreAttached()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Options.MaxAttachedDisks = 2;
        var workerVm = await site.AddWorkerVmAsync();
        var id = await site.BackUpAsync(site.AddVm("vm", disks: 6).Name, mode: TransportModes.DiskAttachment);
        var claims = new List<LeaseClaim>();
        foreach (var task in (await site.DriveAsync(id, JobState.Copying)).Tasks)
        {
            claims.Add(await site.LeaseAsync(task));
        }

        var asked = await Task.WhenAll(claims.Select(claim => Record.ExceptionAsync(() => site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token)).AsTask())).WithinDeadline();

        Assert.Single(site.Engine.Attachments[workerVm.Id]);
        Assert.Equal(5, asked.OfType<EngineException>().Count(refused => refused.IsPassing && refused.Message.Contains("the limit is 2", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task NoWorkerInAVm_IsSaidAtOnce()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(site.AddVm("vm").Name, mode: TransportModes.DiskAttachment)).WithinDeadline();

        Assert.Equal(FailureKind.WrongState, refused.Kind);
        Assert.Contains(
            "needs a worker that runs in another VM of the cluster, and no worker is registered there (start one in a VM of the cluster, or choose another mode)",
            refused.Message,
            StringComparison.Ordinal);
        Assert.Empty(site.Engine.Snapshots);
    }

    [Fact]
    public async Task TheOnlyWorkerIsTheVmItself_IsSaidAtOnce()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = await site.AddWorkerVmAsync();

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(vm.Name, mode: TransportModes.DiskAttachment)).WithinDeadline();

        Assert.Contains($"none of the 1 registered there does: {TestSite.WorkerId} runs in the VM itself (start one in another VM", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WorkerThatDoesNotSayItsVm_IsNamedWithWhatToDo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        await using (var context = site.Database())
        {
            context.Workers.Add(new StoredWorker { Id = "w", Name = "worker-1", ClusterId = site.ClusterId, TransportModes = TransportModes.All });
            await context.SaveChangesAsync(TestSite.Token);
        }

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(site.AddVm("vm").Name, mode: TransportModes.DiskAttachment)).WithinDeadline();

        Assert.Contains("worker-1 does not say which VM it runs in (run it as root, or set its Worker:SystemUuid", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ManagerRefusesTheAttachment_WorkerAndVirtioScsiAreNamed()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        await site.AddWorkerVmAsync();
        var id = await site.BackUpAsync(site.AddVm("vm").Name, mode: TransportModes.DiskAttachment);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        site.Engine.Arm("AttachToWorker", FaultMoment.Before, EngineFailure.Refused);

        var refused = await Assert.ThrowsAsync<EngineException>(async () => await site.Get<AttemptPreparation>().PrepareAsync(await site.LeaseAsync(task), TestSite.Token));

        Assert.Contains($"into the VM of worker {TestSite.WorkerId} over VirtIO-SCSI: enable that for the VM", refused.Message, StringComparison.Ordinal);
        Assert.Contains("or choose another mode (--mode).", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Restore_WritesToADiskAttachedToTheWorkerAndGivesItToTheVm()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var workerVm = await site.AddWorkerVmAsync();
        var backup = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();
        await site.ReadInventoryAsync();
        var id = await site.Get<RestoreAdmission>().AdmitAsync(
            new RestoreRequest { Point = backup.PointId!, Name = "restored", TransportMode = TransportModes.DiskAttachment }, TestSite.Token);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        var order = await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);

        Assert.Equal(new FakeEngine.FakeAttachment(order!.DiskId, null, Active: true), Assert.Single(site.Engine.Attachments[workerVm.Id]));
        await site.SucceedAsync(claim, task);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Equal(order.DiskId, Assert.Single(site.Engine.Vms[job.Restore!.NewVmId!.Value].Disks).Id);
        await NothingIsLeftAsync(site);
    }

    [Fact]
    public async Task RestoreWithoutAWorkerVm_IsRefused()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var backup = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestoreAdmission>().AdmitAsync(
            new RestoreRequest { Point = backup.PointId!, Name = "restored", TransportMode = TransportModes.DiskAttachment }, TestSite.Token));

        Assert.Contains("transport_mode 'disk-attachment'", refused.Message, StringComparison.Ordinal);
    }

    private static async Task NothingIsLeftAsync(TestSite site)
    {
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }
}
