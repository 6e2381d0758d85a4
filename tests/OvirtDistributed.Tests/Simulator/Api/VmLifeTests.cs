// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text.Json.Nodes;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

public sealed class VmLifeTests
{
    [Fact]
    public async Task StartAndStop_GoThroughTheirStates_AndHaveAHostWhileRunning()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = $"vms/{await api.VmAsync("db")}";
        Assert.Null((await api.GetAsync(vm))["host"]);
        await api.PostOkAsync($"{vm}/start", new { });
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/start", new { }, HttpStatusCode.Conflict, "VM is running");
        Assert.NotNull((await api.WaitAsync(vm, "status", "up"))!["host"]);
        await api.AssertFaultAsync(HttpMethod.Delete, vm, null, HttpStatusCode.Conflict, "VM is running");
        await api.PostOkAsync($"{vm}/shutdown", new { });
        await api.WaitAsync(vm, "status", "down");
        Assert.Contains("StopVmAsync clean=True", api.Storage.Calls);
    }

    [Fact]
    public async Task VmWithDisks_IsCreatedAndRemovedWithThem()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = $"vms/{(await api.PostOkAsync("vms", new { name = "new", cluster = new { name = "Default" }, template = new { name = "Blank" }, memory = "2147483648" }))["id"]}";
        Assert.Equal("2147483648", (await api.GetAsync(vm))["memory"]!.GetValue<string>());
        var attachment = await api.PostOkAsync($"{vm}/diskattachments", new
        {
            @interface = "virtio_scsi",
            active = "true",
            bootable = "true",
            disk = new { name = "d", format = "cow", provisioned_size = "1048576", storage_domains = new { storage_domain = new[] { new { name = "nfs1" } } } },
        });
        var disk = attachment["disk"]!["id"]!.GetValue<string>();
        await api.WaitAsync($"disks/{disk}", "status", "ok");
        Assert.Equal("true", (await api.GetAsync($"{vm}/diskattachments/{disk}"))["bootable"]!.GetValue<string>());
        await api.AssertFaultAsync(HttpMethod.Post, "vms", new { name = "new", cluster = new { name = "Default" } }, HttpStatusCode.Conflict, "already in use");
        await api.SendAsync(HttpMethod.Delete, vm);
        await api.WaitAsync(vm, "id", "gone");
        await api.WaitAsync($"disks/{disk}", "id", "gone");
        await api.AssertCleanAsync();
    }

    [Theory]
    [InlineData("nfs1", "raw", "true", "none", true)]
    [InlineData("nfs1", "raw", "false", "none", true)]
    [InlineData("nfs1", "cow", "true", "incremental", true)]
    [InlineData("nfs1", "cow", "false", "none", false)]
    [InlineData("iscsi1", "raw", "false", "none", true)]
    [InlineData("iscsi1", "raw", "true", "none", false)]
    [InlineData("iscsi1", "cow", "true", "none", true)]
    [InlineData("fcp1", "cow", "false", "incremental", true)]
    [InlineData("fcp1", "raw", "false", "incremental", false)]
    public async Task DiskConfiguration_IsLegalOrNot(string domain, string format, string sparse, string backup, bool legal)
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        var body = new { name = "d", format, sparse, backup, provisioned_size = "1048576", storage_domains = new { storage_domain = new[] { new { name = domain } } } };
        if (legal)
        {
            await api.PostOkAsync("disks", body);
        }
        else
        {
            await api.AssertFaultAsync(HttpMethod.Post, "disks", body, HttpStatusCode.Conflict, "is incompatible with the storage domain type");
        }
    }

    [Fact]
    public async Task OvfWithNewIds_MakesAVmThatTakesTheDisksFoundById()
    {
        await using var api = await ApiFixture.StartAsync();
        var source = $"vms/{await api.VmAsync("db")}";
        var ovf = (await api.GetAsync($"{source}?all_content=true"))["initialization"]!["configuration"]!["data"]!.GetValue<string>();
        var copy = await NewDiskAsync(api);
        var disks = await api.DisksOfAsync("db");
        var created = await ImportAsync(api, "copy", ovf.Replace(disks[0].ToString(), copy, StringComparison.Ordinal));
        var vm = $"vms/{created["id"]}";
        var attached = (await api.GetAsync($"{vm}/diskattachments"))["disk_attachment"]!.AsArray();
        Assert.Equal(copy, Assert.Single(attached)!["disk"]!["id"]!.GetValue<string>());
        Assert.Equal("true", attached[0]!["bootable"]!.GetValue<string>());
        Assert.Equal("rhel_9x64", created["os"]!["type"]!.GetValue<string>());

        // The second disk still belongs to the source: an event says so, the request succeeds.
        Assert.Contains(disks[1].ToString(), (await api.GetAsync("events?search=type%3D175"))["event"]![0]!["description"]!.GetValue<string>(), StringComparison.Ordinal);
        var oldMac = (await api.GetAsync($"{source}/nics"))["nic"]![0]!["mac"]!["address"]!.GetValue<string>();
        Assert.NotEqual(oldMac, (await api.GetAsync($"{vm}/nics"))["nic"]![0]!["mac"]!["address"]!.GetValue<string>());
    }

    [Fact]
    public async Task OvfWithAllDisksPresent_IsReportedAsSuccess_AndOldIdsClash()
    {
        await using var api = await ApiFixture.StartAsync();
        var id = await api.VmAsync("db");
        var ovf = (await api.GetAsync($"vms/{id}?all_content=true"))["initialization"]!["configuration"]!["data"]!.GetValue<string>();
        await api.AssertFaultAsync(HttpMethod.Post, "vms", ImportBody("again", ovf, regenerate: false), HttpStatusCode.Conflict, "already exists");
        await api.SendAsync(HttpMethod.Delete, $"vms/{id}?detach_only=true");
        await api.WaitAsync($"vms/{id}", "id", "gone");
        var restored = await api.PostOkAsync("vms", ImportBody("db", ovf, regenerate: false));
        Assert.Equal(id.ToString(), restored["id"]!.GetValue<string>());
        Assert.Equal(2, (await api.GetAsync($"vms/{id}/diskattachments"))["disk_attachment"]!.AsArray().Count);
        Assert.NotNull((await api.GetAsync("events?search=type%3D174"))["event"]);
    }

    [Fact]
    public void OvaFlavour_NamesTheDiskByItsId()
    {
        var disk = Guid.NewGuid();
        var vm = OvfReader.Read(
            $"""
            <ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><ovf:DiskSection>
            <ovf:Disk ovf:diskId="{disk}" ovf:fileRef="disk1.qcow2" ovf:boot="true" ovf:disk-interface="VirtIO"/></ovf:DiskSection>
            <ovf:VirtualSystem><ovf:Name>ova</ovf:Name></ovf:VirtualSystem></ovf:Envelope>
            """);
        Assert.Equal("ova", vm.Name);
        Assert.Equal(new OvfDisk(disk, "virtio", true, false, true), Assert.Single(vm.Disks));
    }

    [Fact]
    public async Task ForcedStopDuringBackup_FailsTheBackupFirst()
    {
        await using var api = await ApiFixture.StartAsync(change: o => o with { HybridBackupFrom = null });
        var vm = $"vms/{await api.VmAsync("web")}";
        var backup = (await api.PostOkAsync($"{vm}/backups", new { disks = new { disk = new[] { new { id = (await api.DisksOfAsync("web"))[0] } } } }))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/backups/{backup}", "phase", "ready");
        await api.PostOkAsync($"{vm}/stop", new { force = "true" });
        await api.WaitAsync(vm, "status", "down");
        Assert.Equal("failed", (await api.GetAsync($"{vm}/backups/{backup}"))["phase"]!.GetValue<string>());
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task BrokenOvf_IsRefused()
    {
        await using var api = await ApiFixture.StartAsync();
        await api.AssertFaultAsync(HttpMethod.Post, "vms", ImportBody("x", "<not an ovf", true), HttpStatusCode.BadRequest, "OVF");
    }

    [Fact]
    public async Task SnapshotDisk_IsAttachedToAnotherVm_AndKeepsTheSnapshotWhileAttached()
    {
        await using var api = await ApiFixture.StartAsync();
        var source = $"vms/{await api.VmAsync("web")}";
        var proxy = $"vms/{await api.VmAsync("db")}";
        var disk = (await api.DisksOfAsync("web"))[0];
        var snapshot = (await api.PostOkAsync($"{source}/snapshots", new { description = "s", persist_memorystate = "false" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"{source}/snapshots/{snapshot}", "snapshot_status", "ok");
        var next = (await api.PostOkAsync($"{source}/snapshots", new { description = "next", persist_memorystate = "false" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"{source}/snapshots/{next}", "snapshot_status", "ok");
        var body = new { disk = new { id = disk, snapshot = new { id = snapshot } }, active = "true", bootable = "false", @interface = "virtio_scsi" };
        await api.PostOkAsync($"{proxy}/diskattachments", body);
        await api.AssertFaultAsync(HttpMethod.Post, $"{proxy}/diskattachments", body, HttpStatusCode.Conflict, "already attached");
        await api.AssertFaultAsync(HttpMethod.Delete, $"{source}/snapshots/{snapshot}", null, HttpStatusCode.Conflict, "attached to other VMs");
        await api.AssertFaultAsync(HttpMethod.Delete, $"{source}/snapshots/{next}", null, HttpStatusCode.Conflict, "attached to other VMs");
        await api.AssertFaultAsync(HttpMethod.Delete, source, null, HttpStatusCode.Conflict, "VM is running");
        Assert.NotEmpty((await api.Engine.LeftoversAsync(ApiFixture.Token)).SnapshotAttachments);
        // As on an engine the attachment does not tell of which snapshot the disk is.
        Assert.Null((await api.GetAsync($"{proxy}/diskattachments/{disk}"))["disk"]!["snapshot"]);
        await api.SendAsync(HttpMethod.Put, $"{proxy}/diskattachments/{disk}", new { active = "false" });
        await api.SendAsync(HttpMethod.Delete, $"{proxy}/diskattachments/{disk}");
        foreach (var ended in new[] { snapshot, next })
        {
            await api.SendAsync(HttpMethod.Delete, $"{source}/snapshots/{ended}");
            await api.WaitAsync($"{source}/snapshots/{ended}", "id", "gone");
        }

        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Get, $"disks/{disk}")).Status);
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task DiskChain_IsListedWithParents_AndCollapsesOnRemoval()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = $"vms/{await api.VmAsync("db")}";
        var disk = (await api.DisksOfAsync("db"))[0];
        _ = api.Engine.Faults.Arm(new FaultRule { Name = "slow snapshot", Method = "POST", Path = "/vms/*/snapshots", StickPhase = true });
        var snapshot = (await api.PostOkAsync($"{vm}/snapshots", new { description = "s", disk_attachments = new { disk_attachment = new[] { new { disk = new { id = disk } } } } }))["id"]!.GetValue<string>();
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/snapshots", new { description = "t" }, HttpStatusCode.Conflict, "performing an operation on a Snapshot");
        Assert.True(api.Engine.Faults.Remove("slow snapshot"));
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "snapshot_status", "ok");
        var layers = (await api.GetAsync($"disks/{disk}/disksnapshots?include_active=true"))["disk_snapshot"]!.AsArray();
        Assert.Equal(2, layers.Count);
        Assert.Equal(layers[0]!["id"]!.GetValue<string>(), layers[1]!["parent"]!["id"]!.GetValue<string>());
        Assert.Single((await api.GetAsync($"disks/{disk}/disksnapshots"))["disk_snapshot"]!.AsArray());
        Assert.Equal(layers[0]!["id"]!.GetValue<string>(), (await api.GetAsync($"{vm}/snapshots/{snapshot}/disks"))["disk"]![0]!["image_id"]!.GetValue<string>());
        Assert.Equal(layers[1]!["id"]!.GetValue<string>(), (await api.GetAsync($"disks/{disk}"))["image_id"]!.GetValue<string>());
        await api.AssertFaultAsync(HttpMethod.Post, $"disks/{disk}/convert", new { disk = new { format = "raw" } }, HttpStatusCode.Conflict, "has snapshots");
        await api.SendAsync(HttpMethod.Delete, $"{vm}/snapshots/{snapshot}");
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "id", "gone");
        Assert.Single((await api.GetAsync($"disks/{disk}/disksnapshots?include_active=true"))["disk_snapshot"]!.AsArray());
    }

    [Fact]
    public async Task EventsPostedByAClient_AreListedAndUnique()
    {
        await using var api = await ApiFixture.StartAsync();
        var body = new { origin = "mybackup", severity = "normal", custom_id = "1", description = "hello", vm = new { id = await api.VmAsync("web") } };
        var index = (await api.PostOkAsync("events", body))["index"]!.GetValue<string>();
        await api.AssertFaultAsync(HttpMethod.Post, "events", body, HttpStatusCode.Conflict, "already exists");
        await api.AssertFaultAsync(HttpMethod.Post, "events", new { origin = "x" }, HttpStatusCode.BadRequest, "severity, custom_id, description");
        await api.PostOkAsync($"vms/{await api.VmAsync("db")}/start", new { });
        await api.WaitAsync($"vms/{await api.VmAsync("db")}", "status", "up");
        Assert.Null((await api.GetAsync("events?search=origin%3Dnobody"))["event"]);
        Assert.Equal("hello", (await api.GetAsync("events?search=origin%3Dmybackup"))["event"]![0]!["description"]!.GetValue<string>());
        Assert.All((await api.GetAsync($"events?from={index}"))["event"]!.AsArray(), e => Assert.True(long.Parse(e!["id"]!.GetValue<string>()) > long.Parse(index)));
    }

    [Fact]
    public async Task TagsAndNics_AreAddedFoundAndRemoved()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = $"vms/{await api.VmAsync("db")}";
        await api.PostOkAsync($"{vm}/tags", new { name = "backup_daily" });
        var tag = (await api.GetAsync($"{vm}/tags"))["tag"]![0]!["id"]!.GetValue<string>();
        Assert.Equal("db", (await api.GetAsync("vms?search=tag%3Dbackup_daily"))["vm"]![0]!["name"]!.GetValue<string>());
        await api.SendAsync(HttpMethod.Delete, $"{vm}/tags/{tag}");
        Assert.Null((await api.GetAsync($"{vm}/tags"))["tag"]);
        var nic = await api.PostOkAsync($"{vm}/nics", new { name = "nic2" });
        var mac = nic["mac"]!["address"]!.GetValue<string>();
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/nics", new { name = "nic3", mac = new { address = mac } }, HttpStatusCode.Conflict, "already in use");
        await api.SendAsync(HttpMethod.Delete, $"{vm}/nics/{nic["id"]}");
        Assert.Single((await api.GetAsync($"{vm}/nics"))["nic"]!.AsArray());
    }

    [Fact]
    public async Task SameSeed_GivesTheSameIds()
    {
        await using var first = await ApiFixture.StartAsync();
        await using var second = await ApiFixture.StartAsync();
        await using var third = await ApiFixture.StartAsync(SimulatorModel.Small with { Seed = 2 });
        Assert.Equal(await first.DisksOfAsync("db"), await second.DisksOfAsync("db"));
        Assert.NotEqual(await first.DisksOfAsync("db"), await third.DisksOfAsync("db"));
    }

    [Fact]
    public async Task StorageDomain_IsCreatedAttachedAndTakenDownAgain()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        var id = (await api.PostOkAsync("storagedomains", new { name = "ir", type = "data", host = new { name = "default-host1" }, storage = new { type = "nfs", address = "a", path = "/p" } }))["id"]!.GetValue<string>();
        await api.WaitAsync($"storagedomains/{id}", "status", "unattached");
        var dc = (await api.GetAsync("datacenters"))["data_center"]![0]!["id"]!.GetValue<string>();
        await api.PostOkAsync($"datacenters/{dc}/storagedomains", new { id });
        await api.WaitAsync($"datacenters/{dc}/storagedomains/{id}", "status", "active");
        await api.PostOkAsync($"datacenters/{dc}/storagedomains/{id}/deactivate", new { });
        await api.WaitAsync($"datacenters/{dc}/storagedomains/{id}", "status", "maintenance");
        await api.SendAsync(HttpMethod.Delete, $"datacenters/{dc}/storagedomains/{id}");
        await api.WaitAsync($"storagedomains/{id}", "status", "unattached");
        await api.AssertFaultAsync(HttpMethod.Delete, $"storagedomains/{id}", null, HttpStatusCode.BadRequest, "host parameter is missing");
        await api.SendAsync(HttpMethod.Delete, $"storagedomains/{id}?host=default-host1&format=true");
        await api.WaitAsync($"storagedomains/{id}", "id", "gone");
    }

    private static object ImportBody(string name, string ovf, bool regenerate) => new
    {
        name,
        cluster = new { name = "Default" },
        initialization = new { regenerate_ids = regenerate ? "true" : "false", configuration = new { type = "ovf", data = ovf } },
    };

    private static async Task<JsonNode> ImportAsync(ApiFixture api, string name, string ovf)
    {
        var (status, body) = await api.PostAsync("vms", ImportBody(name, ovf, regenerate: true));
        Assert.Equal(HttpStatusCode.Created, status);
        return body!;
    }

    private static async Task<string> NewDiskAsync(ApiFixture api)
    {
        var disk = (await api.PostOkAsync("disks", new { name = "restored", format = "cow", provisioned_size = "67108864", storage_domains = new { storage_domain = new[] { new { name = "iscsi1" } } } }))["id"]!.GetValue<string>();
        await api.WaitAsync($"disks/{disk}", "status", "ok");
        return disk;
    }

    [Fact]
    public async Task FreezeWithoutAGuestAgent_FailsAndLeavesAnEvent()
    {
        var model = SimulatorModel.Empty with
        {
            DataCenters = [DataCenterModel.Simple("d", "c", [new VmModel("mute", [new DiskModel(1 << 20)]) { Running = true, GuestAgent = false }], 1)],
        };
        await using var api = await ApiFixture.StartAsync(model);
        var vm = $"vms/{await api.VmAsync("mute")}";

        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/freezefilesystems", new { }, HttpStatusCode.BadRequest, "guest agent");
        await api.AssertFaultAsync(HttpMethod.Post, $"{vm}/thawfilesystems", new { }, HttpStatusCode.BadRequest, "guest agent");
        var codes = (await api.GetAsync("events"))["event"]!.AsArray().Select(e => e!["code"]!.GetValue<string>()).ToList();
        Assert.Contains("10769", codes);
        Assert.Contains("10770", codes);
    }

    [Fact]
    public async Task FrozenGuest_WritesNothingUntilItIsThawedByACallOrByTheHostsSnapshot()
    {
        await using var api = await ApiFixture.StartAsync();
        var id = await api.VmAsync("web");
        var vm = $"vms/{id}";
        var disk = (await api.DisksOfAsync("web"))[0];
        await api.PostOkAsync($"{vm}/freezefilesystems", new { });

        var write = api.Engine.GuestWriteAsync(disk, 0, new byte[512], CancellationToken.None);
        Assert.NotNull((await FindAsync(api, id)).FrozenSince);
        Assert.Contains("frozen guest: web", (await api.Engine.LeftoversAsync(CancellationToken.None)).All);
        Assert.False(write.IsCompleted);
        await api.PostOkAsync($"{vm}/thawfilesystems", new { });
        await write.WithinDeadline();
        Assert.Equal((null, FreezeActor.Client), ((await FindAsync(api, id)).FrozenSince, (await FindAsync(api, id)).ThawedBy));

        await api.PostOkAsync($"{vm}/freezefilesystems", new { });
        var snapshot = (await api.PostOkAsync($"{vm}/snapshots", new { description = "s", persist_memorystate = "false" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "snapshot_status", "ok");
        Assert.Equal((null, FreezeActor.Host), ((await FindAsync(api, id)).FrozenSince, (await FindAsync(api, id)).ThawedBy));
        await api.PostOkAsync($"{vm}/thawfilesystems", new { });
        Assert.Equal((2, 2), ((await FindAsync(api, id)).Freezes, (await FindAsync(api, id)).Thaws));
    }

    private static async Task<SimulatedVm> FindAsync(ApiFixture api, Guid id) => (await api.Engine.VmsAsync(CancellationToken.None)).Single(vm => vm.Id == id);

    [Fact]
    public async Task SnapshotDiskInATransfer_IsNotAttached()
    {
        await using var api = await ApiFixture.StartAsync();
        var owner = await api.VmAsync("db");
        var disk = (await api.DisksOfAsync("db"))[0];
        var snapshot = (await api.PostOkAsync($"vms/{owner}/snapshots", new { description = "s", persist_memorystate = "false" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"vms/{owner}/snapshots/{snapshot}", "snapshot_status", "ok");
        var layer = (await api.GetAsync($"vms/{owner}/snapshots/{snapshot}/disks/{disk}"))["image_id"]!.GetValue<string>();
        var transfer = (await api.PostOkAsync("imagetransfers", new { snapshot = new { id = layer }, direction = "download", format = "raw" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"imagetransfers/{transfer}", "phase", "transferring");
        var attach = new { disk = new { id = disk, snapshot = new { id = snapshot } }, active = "true", bootable = "false", @interface = "virtio_scsi" };
        var proxy = $"vms/{await api.VmAsync("web")}/diskattachments";

        await api.AssertFaultAsync(HttpMethod.Post, proxy, attach, HttpStatusCode.Conflict, "Disk is locked");

        await api.PostOkAsync($"imagetransfers/{transfer}/finalize", new { });
        await api.WaitAsync($"imagetransfers/{transfer}", "phase", "finished_success");
        await api.PostOkAsync(proxy, attach);
    }
}
