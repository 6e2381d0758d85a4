// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;
using OvirtDistributed.Server.Workers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Worker.Nbd;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Which host and which layers an attempt in transport mode ssh is given, and what is refused.</summary>
[Collection(PostgresTests.Name)]
public sealed class SshBackupJobTests(PostgresServer postgres) : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task Backup_OrdersTheChainFromTheVmsHostAndTheNextAttemptAnother()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (other, own) = AddHosts(site);
        var key = await SetAccessAsync(site);
        var vm = site.AddVm("vm", status: "up");
        site.Engine.Vms[vm.Id] = vm with { HostId = own };
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.Ssh);
        var job = await site.DriveAsync(id, JobState.Copying);
        var task = Assert.Single(job.Tasks);
        var (top, bottom) = (job.Backup!.Layers[task.DiskId], Guid.NewGuid());
        site.Engine.Volumes[task.DiskId] =
        [
            new EngineVolume(Guid.NewGuid(), task.DiskId, top, "cow", site.FileDomainId),
            new EngineVolume(bottom, task.DiskId, null, "raw", site.BlockDomainId),
            new EngineVolume(top, task.DiskId, bottom, "cow", site.FileDomainId),
        ];
        var claim = await site.LeaseAsync(task);

        var order = await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);

        var wire = OrderMessages.ToWire(order!, claim, site.Options).Backup;
        Assert.Equal((null, null), (wire.ImageTransfer, wire.AttachedDisk));
        Assert.Equal(("own.example", 2222, "backup", true), (wire.SshDisk.Host, wire.SshDisk.Port, wire.SshDisk.User, wire.SshDisk.Sudo));
        Assert.Equal((key, "/rhev/data-center", false), (wire.SshDisk.PrivateKey, wire.SshDisk.StorageRoot, wire.SshDisk.BackingFromHeader));
        Assert.Equal(
            [(top.ToString(), "qcow2", false), (bottom.ToString(), "raw", true)],
            wire.SshDisk.Chain.Select(volume => (volume.VolumeId, volume.Format, volume.LogicalVolume)));
        Assert.DoesNotContain("PRIVATE KEY", $"{order} {order!.Ssh}", StringComparison.Ordinal);

        await site.FailAsync(claim);
        await Deadline.UntilAsync(
            async () =>
            {
                await site.StepAsync(id);
                task = Assert.Single((await site.JobAsync(id)).Tasks);
                return task.State == TaskState.Offered;
            },
            "the task is offered again");
        var second = await site.Get<AttemptPreparation>().PrepareAsync(await site.LeaseAsync(task), TestSite.Token);
        Assert.Equal(other, second!.Ssh!.Host.Id);
        await site.SucceedAsync(new LeaseClaim(TestSite.WorkerId, task.Id, task.Attempt, (await site.JobAsync(id)).Tasks[0].FencingToken), task);

        var ended = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal((JobOutcome.Succeeded, ""), (ended.Outcome, ended.Message));
        var kept = Assert.Single(site.Engine.Snapshots[vm.Id]);
        Assert.Equal((TransportModes.Ssh, kept.Id.ToString("D")), (site.Mover.Read(site.Mover.PointsByJob[id]).TransportMode, site.Mover.Read(site.Mover.PointsByJob[id]).CheckpointId));
        Assert.Empty(site.Engine.Transfers);
    }

    [Fact]
    public async Task LayerThatIsNotListedOrNoHostThatIsUp_FailsTheAttempt()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        _ = AddHosts(site);
        _ = await SetAccessAsync(site);
        var vm = site.AddVm("vm");
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.Ssh);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);

        var unlisted = await Assert.ThrowsAsync<EngineException>(() => site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token)).WithinDeadline();
        Assert.Contains("neither one that the manager lists nor a disk of the VM's template", unlisted.Message, StringComparison.Ordinal);

        site.Engine.Inventory = site.Engine.Inventory with { Hosts = [.. site.Engine.Inventory.Hosts.Select(host => host with { Status = "maintenance" })] };
        var down = await Assert.ThrowsAsync<EngineException>(() => site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token)).WithinDeadline();
        Assert.Contains("No host of the data center is up", down.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ManagerDoesNotListTheTemplatesLayer_ItIsFoundAmongTheTemplatesDisksByItsIdAlone(bool isOfTheTemplate)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.ProductVersion = "4.4.6";
        _ = AddHosts(site);
        _ = await SetAccessAsync(site);
        var vm = site.AddVm("vm");
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.Ssh);
        var job = await site.DriveAsync(id, JobState.Copying);
        var task = Assert.Single(job.Tasks);
        var (top, template) = (job.Backup!.Layers[task.DiskId], Guid.NewGuid());
        site.Engine.Volumes[task.DiskId] = [new EngineVolume(top, task.DiskId, template, "cow", site.BlockDomainId)];
        site.Engine.TemplateFiles[vm.Id] = new EngineVolumeFile(isOfTheTemplate ? template : Guid.NewGuid(), Guid.NewGuid(), "raw", OnTemplate: true);
        var claim = await site.LeaseAsync(task);
        var preparing = site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);

        if (!isOfTheTemplate)
        {
            Assert.Contains($"Layer {template}", (await Assert.ThrowsAsync<EngineException>(() => preparing).WithinDeadline()).Message, StringComparison.Ordinal);
            return;
        }

        var order = OrderMessages.ToWire((await preparing)!, claim, site.Options).Backup.SshDisk;
        Assert.False(order.BackingFromHeader);
        Assert.Equal(
            [(top.ToString(), "qcow2", true, $"{task.DiskId}"), (template.ToString(), "raw", true, $"{task.DiskId}")],
            order.Chain.Select(volume => (volume.VolumeId, volume.Format, volume.LogicalVolume, volume.DiskId)));
    }

    [Fact]
    public async Task WithoutAccess_ModeIsRefusedAndAnOldManagerUsesItOnlyOnceItIsSet()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        _ = AddHosts(site);
        site.AddVm("vm");
        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync("vm", mode: TransportModes.Ssh)).WithinDeadline();
        Assert.Contains("ovd manager set-ssh", refused.Message, StringComparison.Ordinal);

        site.Engine.ProductVersion = "4.1.9";
        _ = await SetAccessAsync(site);
        await using var database = site.Database();
        var vm = site.Engine.Vms.Values.Single();
        var cluster = site.Engine.Inventory.Clusters.First(candidate => candidate.Id == vm.ClusterId);
        var manager = await database.Managers.AsNoTracking().SingleAsync(TestSite.Token);
        var (details, refusal) = await BackupPlanner.ChooseModeAsync(database, manager, vm, cluster, new BackupDetails(), await site.Get<WorkerClusters>().LookAsync(database, TestSite.Token), TestSite.Token).WithinDeadline();
        Assert.Equal((null, TransportModes.Ssh, false), (refusal, details.TransportMode, details.KeepsSnapshot()));
        Assert.Contains("needs a worker that runs in another VM", details.TransportReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_NamesTheSnapshotAndTheHostsPart()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        _ = AddHosts(site);
        var vm = site.AddVm("vm");
        _ = await SetAccessAsync(site);

        var request = new BackupRequest(VmSelection.Of(vm.Name), "", "", false, "", "") { TransportMode = TransportModes.Ssh };
        var plan = Assert.Single((await site.Get<BackupPreview>().PlanAsync(request, TestSite.Token).WithinDeadline()).Plans);

        Assert.Equal([$"POST vms/{vm.Id}/snapshots (vm_disk1, without memory)", "ssh HOST qemu-nbd --read-only (vm_disk1 of the snapshot)"], plan.Calls);
    }

    [Fact]
    public async Task Access_IsSealedAndMistakesNameTheField()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        _ = AddHosts(site);
        await site.ReadInventoryAsync();
        var key = await SetAccessAsync(site);
        await using (var context = site.Database())
        {
            var manager = await context.Managers.AsNoTracking().SingleAsync(TestSite.Token);
            Assert.Equal(-1, manager.SealedSshKey.AsSpan().IndexOf("PRIVATE KEY"u8));
            Assert.Equal(key, site.Get<PasswordSeal>().Open(SshRegistry.KeyOwner(manager.Id), manager.SealedSshKey));
        }

        foreach (var (change, field) in new (Func<SshRegistration, SshRegistration>, string)[]
        {
            (good => good with { User = "-root" }, "user '-root'"),
            (good => good with { Port = 70000 }, "port '70000'"),
            (good => good with { StorageRoot = "rhev" }, "storage_root 'rhev'"),
            (good => good with { KnownHosts = "host" }, "known_hosts line 1 'host'"),
            (good => good with { PrivateKey = "none" }, "private_key (not shown)"),
            (good => good with { Manager = "other" }, "manager 'other'"),
        })
        {
            var registration = change(await RegistrationAsync("manager"));
            var failure = await Assert.ThrowsAsync<OperatorException>(() => site.Get<SshRegistry>().SetAsync(registration, TestSite.Token)).WithinDeadline();
            Assert.Contains(field, failure.Message, StringComparison.Ordinal);
        }

        await site.Get<SshRegistry>().RemoveAsync("manager", TestSite.Token).WithinDeadline();
        await using var after = site.Database();
        Assert.True(await after.Managers.AllAsync(row => row.Ssh == null && row.SealedSshKey == null, TestSite.Token).WithinDeadline());
    }

    public void Dispose() => _directory.Dispose();

    private static (Guid Other, Guid Own) AddHosts(TestSite site)
    {
        var (other, own) = (Guid.NewGuid(), Guid.NewGuid());
        site.Engine.Inventory = site.Engine.Inventory with
        {
            Hosts =
            [
                new EngineHost(Guid.NewGuid(), "a-down", "down.example", "maintenance", site.ClusterId),
                new EngineHost(Guid.NewGuid(), "a-elsewhere", "elsewhere.example", "up", Guid.NewGuid()),
                new EngineHost(other, "b", "other.example", "up", site.ClusterId),
                new EngineHost(own, "c", "own.example", "up", site.ClusterId),
            ],
        };
        return (other, own);
    }

    private async Task<SshRegistration> RegistrationAsync(string manager)
    {
        var file = _directory.File($"key-{Guid.NewGuid():N}");
        await NbdSite.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
        var known = (await File.ReadAllTextAsync($"{file}.pub", TestSite.Token)).Split(' ');
        return new SshRegistration(manager, "backup", await File.ReadAllTextAsync(file, TestSite.Token), "", $"[own.example]:2222 {known[0]} {known[1]}\n", 2222, Sudo: true, "");
    }

    /// <returns>The private key.</returns>
    private async Task<string> SetAccessAsync(TestSite site)
    {
        await site.ReadInventoryAsync();
        var registration = await RegistrationAsync("manager");
        var (_, unpinned) = await site.Get<SshRegistry>().SetAsync(registration, TestSite.Token).WithinDeadline();
        Assert.Equal(["[elsewhere.example]:2222", "[other.example]:2222"], unpinned.Order());
        return registration.PrivateKey;
    }
}
