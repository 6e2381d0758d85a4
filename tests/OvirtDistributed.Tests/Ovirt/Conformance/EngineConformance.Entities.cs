// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Events;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Snapshots;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Conformance;

public abstract partial class EngineConformance
{
    [Fact]
    public async Task RunningGuest_IsFrozenAndThawedAsOftenAsAsked()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "web");

        await client.Vms.FreezeFilesystemsAsync(vm.Id, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.ThawFilesystemsAsync(vm.Id, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.ThawFilesystemsAsync(vm.Id, CorrelationId.New(), None).WithinDeadline();

        Assert.Empty(await site.LeftoversAsync());
        var down = await FindVmAsync(client, "db");
        var refused = await Assert.ThrowsAsync<OvirtException>(() => client.Vms.ThawFilesystemsAsync(down.Id, CorrelationId.New(), None)).WithinDeadline();
        Assert.Equal(OvirtError.Conflict, refused.Error);
    }

    [Fact]
    public async Task Inventory_IsReadCompletely()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);

        var product = await client.Inventory.GetProductAsync(None).WithinDeadline();
        Assert.NotEqual(ProductKind.Unknown, product.Kind);
        Assert.True(product.Version >= new Version(4, 4));
        var dataCenters = await client.Inventory.ListDataCentersAsync(null, None).ToListAsync(None).AsTask().WithinDeadline();
        var clusters = await client.Inventory.ListClustersAsync(null, None).ToListAsync(None).AsTask().WithinDeadline();
        var hosts = await client.Inventory.ListHostsAsync(null, None).ToListAsync(None).AsTask().WithinDeadline();
        var domains = await client.Inventory.ListStorageDomainsAsync(search: null, None).ToListAsync(None).AsTask().WithinDeadline();
        var attached = await client.Inventory.ListStorageDomainsAsync(dataCenters[0].Id, None).WithinDeadline();
        var networks = await client.Inventory.ListNetworksAsync(null, None).ToListAsync(None).AsTask().WithinDeadline();
        var profiles = await client.Inventory.ListVnicProfilesAsync(None).WithinDeadline();
        var vms = await client.Vms.ListAsync(null, withDetails: true, None).ToListAsync(None).AsTask().WithinDeadline();
        var disks = await client.Disks.ListAsync(null, None).ToListAsync(None).AsTask().WithinDeadline();

        Assert.All(clusters, cluster => Assert.Contains(dataCenters, dataCenter => dataCenter.Id == cluster.DataCenter));
        Assert.All(hosts, host => Assert.Contains(clusters, cluster => cluster.Id == host.Cluster));
        Assert.NotEmpty(attached);
        Assert.All(attached, domain => Assert.Equal(StorageDomainStatus.Active, domain.Status));
        Assert.All(attached, domain => Assert.Contains(domains, other => other.Id == domain.Id));
        Assert.All(domains.Where(domain => domain.Type == StorageDomainType.Data), domain => Assert.NotEqual(StorageType.Unknown, domain.Location.Type));
        Assert.NotEmpty(networks);
        Assert.All(profiles, profile => Assert.Contains(networks, network => network.Id == profile.Network));
        Assert.True(vms.Count >= 2);
        Assert.All(vms, vm => Assert.NotNull(vm.Tags));
        Assert.All(vms, vm => Assert.Contains(clusters, cluster => cluster.Id == vm.Cluster));
        Assert.All(vms.SelectMany(vm => vm.DiskAttachments!), attachment => Assert.Contains(disks, disk => disk.Id == attachment.DiskId));
        Assert.All(vms.SelectMany(vm => vm.DiskAttachments!), attachment => Assert.True(attachment.Disk!.ProvisionedSizeBytes > 0));
    }

    [Fact]
    public async Task WrongPassword_IsUnauthorized()
    {
        await using var site = await StartAsync();
        await using var client = new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance)
            .Create(site.Connection with { Password = new Secret("wrong") });

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Inventory.GetProductAsync(None)).WithinDeadline();

        Assert.Equal(OvirtError.Unauthorized, failure.Error);
    }

    [Fact]
    public async Task UploadToANewDisk_ReadsBackTheSame()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var domain = (await client.Inventory.ListStorageDomainsAsync(search: null, None).ToListAsync(None).AsTask().WithinDeadline()).First(domain => domain.Type == StorageDomainType.Data);
        var id = EngineId.New<DiskId>();
        var correlation = CorrelationId.New();
        var created = await client.Disks.CreateAsync(
            new CreateDisk
            {
                Id = id,
                Name = "restored",
                ProvisionedSizeBytes = 16 << 20,
                InitialSizeBytes = 16 << 20,
                Configuration = new DiskConfiguration(DiskFormat.Cow, Sparse: true, IncrementalBackup: true),
                StorageDomain = domain.Id,
            },
            correlation,
            None).WithinDeadline();
        Assert.Equal(id, created.Id);
        var ready = await client.Disks.WaitUntilOkAsync(id, None).WithinDeadline();
        Assert.Equal((DiskFormat.Cow, DiskBackup.Incremental, 16L << 20), (ready.Format, ready.Backup, ready.ProvisionedSizeBytes));
        await client.Jobs.WaitAsync(correlation, None).WithinDeadline();

        var data = Random(5, 3 << 20);
        var expected = new byte[16 << 20];
        data.CopyTo(expected, 1 << 20);
        expected.AsSpan(2 << 20, 1 << 20).Clear();
        await using (var lease = await OpenAsync(client, CreateImageTransfer.UploadToDisk(id)))
        {
            await using (var image = await ConnectAsync(site, lease, ImageAccess.Write))
            {
                await Task.WhenAll(Enumerable.Range(0, 3).Select(index => image.WriteAsync((1 + index) << 20, data.AsMemory(index << 20, 1 << 20), None))).WithinDeadline();
                await image.ZeroAsync(2 << 20, 1 << 20, None).WithinDeadline();
                await image.FlushAsync(None).WithinDeadline();
            }

            Assert.Equal(TransferEnd.Succeeded, await lease.CompleteAsync().WithinDeadline());
        }

        await client.Disks.WaitUntilOkAsync(id, None).WithinDeadline();
        AssertSame(expected, await site.ReadDiskAsync(id));
        await using (var lease = await OpenAsync(client, CreateImageTransfer.DownloadDisk(id)))
        {
            await using (var image = await ConnectAsync(site, lease, ImageAccess.Read))
            {
                var (content, readBytes) = await DownloadAsync(image, ExtentContext.Zero, before: null);
                AssertSame(expected, content);
                Assert.Equal(2 << 20, readBytes);
                Assert.Equal(64, (await image.GetChecksumAsync("sha256", 4 << 20, None).WithinDeadline()).Digest.Length);
                var failure = await Assert.ThrowsAsync<OvirtException>(() => image.WriteAsync(0, new byte[10], None)).WithinDeadline();
                Assert.Equal(OvirtError.TicketRefused, failure.Error);
                var dirty = await Assert.ThrowsAsync<OvirtException>(() => image.ReadExtentsAsync(ExtentContext.Dirty, None).CountAsync(None).AsTask()).WithinDeadline();
                Assert.Equal(OvirtError.Unsupported, dirty.Error);
                var beyond = await Assert.ThrowsAsync<OvirtException>(() => image.ReadAsync((16 << 20) - 1, new byte[2], None)).WithinDeadline();
                Assert.Equal(OvirtError.RangeRefused, beyond.Error);
            }

            await lease.CompleteAsync().WithinDeadline();
        }

        await client.Disks.DeleteAsync(id, CorrelationId.New(), None).WithinDeadline();
        await client.Disks.WaitUntilGoneAsync(id, None).WithinDeadline();
        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task UploadIsCancelled_EngineDeletesTheDisk()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var domain = (await client.Inventory.ListStorageDomainsAsync(search: null, None).ToListAsync(None).AsTask().WithinDeadline()).First(domain => domain.Type == StorageDomainType.Data);
        var disk = await client.Disks.CreateAsync(
            new CreateDisk
            {
                Name = "doomed",
                ProvisionedSizeBytes = 1 << 20,
                InitialSizeBytes = 1 << 20,
                Configuration = new DiskConfiguration(DiskFormat.Cow, Sparse: true, IncrementalBackup: false),
                StorageDomain = domain.Id,
            },
            CorrelationId.New(),
            None).WithinDeadline();
        await client.Disks.WaitUntilOkAsync(disk.Id, None).WithinDeadline();

        await (await OpenAsync(client, CreateImageTransfer.UploadToDisk(disk.Id))).DisposeAsync();

        await client.Disks.WaitUntilGoneAsync(disk.Id, None).WithinDeadline();
        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task Snapshot_IsMadeReadAndMerged()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "web");
        var disk = vm.DiskAttachments![0].DiskId;
        var expected = await site.ReadDiskAsync(disk);

        var snapshot = await client.Snapshots.CreateAsync(vm.Id, new CreateSnapshot { Description = "conformance", Disks = [disk] }, CorrelationId.New(), None).WithinDeadline();
        var ok = await client.Snapshots.WaitUntilOkAsync(vm.Id, snapshot.Id, None).WithinDeadline();
        await site.WriteDiskAsync(disk, 0, Random(9, 100_000));

        Assert.Equal((SnapshotType.Regular, false, "conformance"), (ok.Type, ok.HasMemory, ok.Description));
        var layer = Assert.Single(await client.Snapshots.ListDisksAsync(vm.Id, snapshot.Id, None).WithinDeadline());
        Assert.Equal(disk, layer.Id);
        await using (var lease = await OpenAsync(client, CreateImageTransfer.DownloadSnapshot(layer.Image!.Value, shallow: false)))
        {
            await using (var image = await ConnectAsync(site, lease, ImageAccess.Read))
            {
                AssertSame(expected, (await DownloadAsync(image, ExtentContext.Zero, before: null)).Image);
            }

            await lease.CompleteAsync().WithinDeadline();
        }

        await client.Snapshots.DeleteAsync(vm.Id, snapshot.Id, CorrelationId.New(), None).WithinDeadline();
        await client.Snapshots.WaitUntilGoneAsync(vm.Id, snapshot.Id, None).WithinDeadline();
        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task SnapshotDisk_IsAttachedToAnotherVmUnpluggedAndDetached()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var source = await FindVmAsync(client, "web");
        var worker = (await FindVmAsync(client, "db")).Id;
        var disk = source.DiskAttachments![0].DiskId;
        var snapshot = (await client.Snapshots.CreateAsync(source.Id, new CreateSnapshot { Description = "attached", Disks = [disk] }, CorrelationId.New(), None).WithinDeadline()).Id;
        await client.Snapshots.WaitUntilOkAsync(source.Id, snapshot, None).WithinDeadline();

        var lost = site.LoseNextAnswer("POST", "/vms/*/diskattachments");
        var attached = await client.Vms.AttachSnapshotDiskAsync(worker, disk, snapshot, readOnly: true, CorrelationId.New(), None).WithinDeadline();

        Assert.True(lost());
        Assert.Equal((disk, true, true, DiskInterface.VirtioScsi), (attached.DiskId, attached.Active, attached.ReadOnly, attached.Interface));
        Assert.Contains(await client.Vms.ListAttachmentsAsync(worker, None).WithinDeadline(), item => item.DiskId == disk && item.Active);
        await RefusedAsync(client.Vms.AttachSnapshotDiskAsync(worker, disk, snapshot, readOnly: true, CorrelationId.New(), None));
        await RefusedAsync(client.Snapshots.DeleteAsync(source.Id, snapshot, CorrelationId.New(), None));
        Assert.True(await client.Vms.SetActiveAsync(worker, disk, active: false, CorrelationId.New(), None).WithinDeadline());
        Assert.False((await client.Vms.FindAttachmentAsync(worker, disk, None).WithinDeadline())!.Active);
        await RefusedAsync(client.Snapshots.DeleteAsync(source.Id, snapshot, CorrelationId.New(), None));

        await client.Vms.ReleaseDiskAsync(worker, disk, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.ReleaseDiskAsync(worker, disk, CorrelationId.New(), None).WithinDeadline();

        Assert.False(await client.Vms.SetActiveAsync(worker, disk, active: true, CorrelationId.New(), None).WithinDeadline());
        Assert.Null(await client.Vms.FindAttachmentAsync(worker, disk, None).WithinDeadline());
        Assert.NotNull(await client.Disks.FindAsync(disk, None).WithinDeadline());
        await client.Snapshots.DeleteAsync(source.Id, snapshot, CorrelationId.New(), None).WithinDeadline();
        await client.Snapshots.WaitUntilGoneAsync(source.Id, snapshot, None).WithinDeadline();
        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task VmFromOvf_IsMadeTaggedConnectedStartedAndDeleted()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var original = await FindVmAsync(client, "db");
        var ovf = await client.Vms.GetOvfAsync(original.Id, None).WithinDeadline();
        Assert.Contains(original.Name, ovf, StringComparison.Ordinal);

        // Without the original's disks, which can belong to one VM only.
        var made = await client.Vms.CreateAsync(
            new CreateVm { Name = "plain", Cluster = original.Cluster!.Value, MemoryBytes = 1L << 30, Description = "conformance" }, CorrelationId.New(), None).WithinDeadline();
        var vm = await client.Vms.WaitForStatusAsync(made.Id, [VmStatus.Down], None).WithinDeadline();
        Assert.Equal(("plain", 1L << 30, "conformance"), (vm.Name, vm.MemoryBytes, vm.Description));
        var profile = (await client.Inventory.ListVnicProfilesAsync(None).WithinDeadline())[0];
        var nic = await client.Vms.AddNicAsync(vm.Id, new NicSettings { Name = "nic1", Interface = "virtio", Profile = profile.Id }, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.UpdateNicAsync(vm.Id, nic.Id, new NicSettings { MacAddress = "56:6f:aa:bb:cc:01" }, CorrelationId.New(), None).WithinDeadline();
        var tag = await client.Inventory.CreateTagAsync("conformance", CorrelationId.New(), None).WithinDeadline();
        await client.Vms.AddTagAsync(vm.Id, "conformance", CorrelationId.New(), None).WithinDeadline();

        var found = await FindVmAsync(client, "plain");
        Assert.Equal("56:6f:aa:bb:cc:01", Assert.Single(found.Nics!).MacAddress, ignoreCase: true);
        Assert.Equal(tag.Id, Assert.Single(found.Tags!).Id);
        Assert.Single(await client.Vms.ListAsync(EngineSearch.Equal("tag", "conformance"), withDetails: false, None).ToListAsync(None).AsTask().WithinDeadline());
        await client.Vms.RemoveTagAsync(vm.Id, tag.Id, CorrelationId.New(), None).WithinDeadline();
        await client.Inventory.DeleteTagAsync(tag.Id, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.StartAsync(vm.Id, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.WaitForStatusAsync(vm.Id, [VmStatus.Up], None).WithinDeadline();
        await client.Vms.StopAsync(vm.Id, force: false, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.WaitForStatusAsync(vm.Id, [VmStatus.Down], None).WithinDeadline();
        await client.Vms.DeleteAsync(vm.Id, keepDisks: true, force: false, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.WaitUntilGoneAsync(vm.Id, None).WithinDeadline();
        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task SettingsOfAVm_AreChangedAndReadBack()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "db");
        var before = (await client.Vms.FindSettingsAsync(vm.Id, None).WithinDeadline())!;

        await client.Vms.UpdateSettingsAsync(
            vm.Id,
            new UpdateVmSettings
            {
                BootDevices = ["network", "hd"],
                BootMenu = true,
                HighAvailability = new HighAvailability(true, 50),
                Initialization = new GuestInitialization(new Dictionary<string, string> { ["host_name"] = "db-1" }, [new GuestNic { Name = "eth0", BootProtocol = "dhcp" }], false, false),
            },
            CorrelationId.New(),
            None).WithinDeadline();
        await client.Vms.SetWatchdogAsync(vm.Id, new Watchdog("i6300esb", "reset"), CorrelationId.New(), None).WithinDeadline();
        await client.Vms.SetWatchdogAsync(vm.Id, new Watchdog("i6300esb", "dump"), CorrelationId.New(), None).WithinDeadline();

        var now = (await client.Vms.FindSettingsAsync(vm.Id, None).WithinDeadline())!;
        Assert.Equal(["network", "hd"], now.BootDevices);
        Assert.Equal((true, new HighAvailability(true, 50), new Watchdog("i6300esb", "dump")), (now.BootMenu, now.HighAvailability, now.Watchdog));
        Assert.Equal("db-1", now.Initialization!.Values["host_name"]);
        Assert.Equal("dhcp", Assert.Single(now.Initialization.Nics).BootProtocol);
        Assert.Equal((before.BiosType, before.Type, before.Placement!.Affinity), (now.BiosType, now.Type, now.Placement!.Affinity)); // what is not named stays
    }

    [Fact]
    public async Task AffinityGroup_IsMadeInItsClusterAndJoined()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "db");
        var made = await client.Inventory.CreateAffinityGroupAsync(
            vm.Cluster!.Value, new CreateAffinityGroup { Name = $"ovd-{Guid.NewGuid():N}", VmsRule = new AffinityRule(true, false, false) }, CorrelationId.New(), None).WithinDeadline();

        await client.Inventory.AddToAffinityGroupAsync(vm.Cluster.Value, made.Id, vm.Id, CorrelationId.New(), None).WithinDeadline();

        var group = Assert.Single(await client.Inventory.ListAffinityGroupsAsync(vm.Cluster.Value, None).WithinDeadline(), candidate => candidate.Id == made.Id);
        Assert.Equal((new AffinityRule(true, false, false), vm.Id), (group.VmsRule, Assert.Single(group.Vms)));
    }

    [Fact]
    public async Task VmIsRestoredFromItsOvf_WithANewDisk()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var original = await FindVmAsync(client, "db");
        var ovf = await client.Vms.GetOvfAsync(original.Id, None).WithinDeadline();
        await client.Vms.DeleteAsync(original.Id, keepDisks: true, force: false, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.WaitUntilGoneAsync(original.Id, None).WithinDeadline();

        var vm = await client.Vms.CreateFromOvfAsync(
            new CreateVmFromOvf { Name = "db-restored", Cluster = original.Cluster!.Value, Ovf = ovf }, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.WaitForStatusAsync(vm.Id, [VmStatus.Down], None).WithinDeadline();

        Assert.NotEqual(original.Id, vm.Id);
        var disks = await client.Vms.ListAttachmentsAsync(vm.Id, None).WithinDeadline();
        Assert.Equal(original.DiskAttachments!.Select(item => item.DiskId).ToHashSet(), disks.Select(item => item.DiskId).ToHashSet());

        var disk = disks[0].DiskId;
        await client.Vms.DetachDiskAsync(vm.Id, disk, CorrelationId.New(), None).WithinDeadline();
        Assert.NotNull(await client.Disks.WaitUntilOkAsync(disk, None).WithinDeadline());
        Assert.Null(await client.Vms.FindAttachmentAsync(vm.Id, disk, None).WithinDeadline());
        var attached = await client.Vms.AttachDiskAsync(
            vm.Id, new AttachDisk { Disk = disk, Active = true, Bootable = true, Interface = DiskInterface.Virtio }, CorrelationId.New(), None).WithinDeadline();
        Assert.Equal((disk, DiskInterface.Virtio), (attached.DiskId, attached.Interface));
        await client.Vms.UpdateAttachmentAsync(vm.Id, disk, new UpdateAttachment { Interface = DiskInterface.VirtioScsi }, CorrelationId.New(), None).WithinDeadline();
        Assert.Equal(DiskInterface.VirtioScsi, (await client.Vms.FindAttachmentAsync(vm.Id, disk, None).WithinDeadline())!.Interface);
        await client.Vms.DeleteAsync(vm.Id, keepDisks: false, force: false, CorrelationId.New(), None).WithinDeadline();
        await client.Vms.WaitUntilGoneAsync(vm.Id, None).WithinDeadline();
        await client.Disks.WaitUntilGoneAsync(disk, None).WithinDeadline();
    }

    [Fact]
    public async Task Events_AreListedSinceAnIndexAndFoundByText()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "web");
        var before = await client.Events.GetNewestIndexAsync(None).WithinDeadline();

        await client.Events.PostAsync(new PostEvent("conformance", 1, EventSeverity.Warning, "a note for you", vm.Id), CorrelationId.New(), None).WithinDeadline();

        var since = await client.Events.ListSinceAsync(before, 100, None).WithinDeadline();
        var note = Assert.Single(since, item => item.Description.Contains("a note for you", StringComparison.Ordinal));
        Assert.Equal((EventSeverity.Warning, vm.Id), (note.Severity, note.Vm));
        Assert.Equal(note.Index, await client.Events.GetNewestIndexAsync(None).WithinDeadline());
        Assert.Contains(
            await client.Events.SearchAsync(new EngineSearch("note"), 10, None).WithinDeadline(), item => item.Index == note.Index);
    }

    private static async Task RefusedAsync(Task call) =>
        Assert.Equal(OvirtError.Conflict, (await Assert.ThrowsAsync<OvirtException>(() => call).WithinDeadline()).Error);
}
