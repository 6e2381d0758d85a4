// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Engine;

public sealed class InventoryTests
{
    private const string A = "00000000-0000-0000-0000-00000000000a";
    private const string B = "00000000-0000-0000-0000-00000000000b";
    private const string C = "00000000-0000-0000-0000-00000000000c";

    [Theory]
    [InlineData("oVirt Engine", "ovirt.org", ProductKind.Ovirt)]
    [InlineData("Oracle Linux Virtualization Manager", "Oracle", ProductKind.Olvm)]
    [InlineData("Red Hat Virtualization Manager", "Red Hat", ProductKind.Rhv)]
    [InlineData("Something", "Else", ProductKind.Unknown)]
    public async Task Product_IsToldByNameAndVendor(string name, string vendor, ProductKind expected)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET ", $$"""{"product_info":{"name":"{{name}}","vendor":"{{vendor}}","version":{"major":"4","minor":4,"build":"10","full_version":"4.4.10.7-1.el8"} } }""");
        await using var client = engine.Connect();

        var product = await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();

        Assert.Equal(expected, product.Kind);
        Assert.Equal("4.4.10.7-1.el8", product.FullVersion);
        Assert.True(product.Capabilities.EndedEntitiesKept);
        Assert.False(product.Capabilities.DiskConversion);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"\"")]
    [InlineData("""{"tag":null}""")]
    [InlineData("""{"tag":[]}""")]
    [InlineData("""{"actions":{"link":[{"rel":"add"}]},"link":[],"size":"0"}""")]
    public async Task EmptyListInAnyForm_IsEmpty(string json)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET tags", json);
        await using var client = engine.Connect();

        Assert.Empty(await client.Inventory.ListTagsAsync(CancellationToken.None).WithinDeadline());
    }

    [Theory]
    [InlineData($$"""{"tag":[{"id":"{{A}}","name":"x","unknown":{"deep":[1,{"a":null}]} }]}""")]
    [InlineData($$"""{"tag":{"id":"{{A}}","name":"x"} }""")]
    [InlineData($$"""[{"id":"{{A}}","name":"x"},null]""")]
    public async Task ListInAnyForm_IsRead(string json)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET tags", json);
        await using var client = engine.Connect();

        var tag = Assert.Single(await client.Inventory.ListTagsAsync(CancellationToken.None).WithinDeadline());

        Assert.Equal(new Tag(new TagId(new Guid(A)), "x", null, null), tag);
    }

    [Fact]
    public async Task MorePagesThanOne_AllAreReadInOrderAndNoneTwice()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        // B has moved from page 1 to page 2 while the list was read.
        engine.On("GET clusters?search=sortby%20name%20page%201&max=2", Clusters(A, B));
        engine.On("GET clusters?search=sortby%20name%20page%202&max=2", Clusters(B, C));
        engine.On("GET clusters?search=sortby%20name%20page%203&max=2", "{}");
        await using var client = engine.Connect();

        var clusters = await client.Inventory.ListClustersAsync(null, CancellationToken.None).ToListAsync(CancellationToken.None).AsTask().WithinDeadline();

        Assert.Equal([A, B, C], clusters.Select(cluster => cluster.Id.ToString()));
        Assert.All(clusters, cluster => Assert.True(cluster.Capabilities.ColdBackup));
    }

    [Fact]
    public async Task EngineIgnoresPages_EndsInsteadOfLooping()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET clusters?search=sortby%20name%20page%201&max=2", Clusters(A, B));
        engine.On("GET clusters?search=sortby%20name%20page%202&max=2", Clusters(A, B));
        await using var client = engine.Connect();

        var clusters = await client.Inventory.ListClustersAsync(null, CancellationToken.None).ToListAsync(CancellationToken.None).AsTask().WithinDeadline();

        Assert.Equal(2, clusters.Count);
    }

    [Fact]
    public async Task VmsWithDetails_CarryDisksNicsAndTags()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET vms?follow=disk_attachments.disk%2Cnics%2Ctags&search=tag%3D%22a%20b%22%20sortby%20name%20page%201&max=2", $$"""
            {"vm":[{"id":"{{A}}","name":"web","status":"powering_up","memory":"1073741824","cpu":{"topology":{"sockets":"2","cores":1,"threads":"1"} },
             "creation_time":1472564909990,"delete_protected":"false","has_illegal_images":true,"cluster":{"id":"{{B}}","href":"/x"},
             "disk_attachments":{"disk_attachment":[{"id":"{{C}}","active":"true","bootable":"true","interface":"virtio_scsi",
               "disk":{"id":"{{C}}","alias":"web_Disk1","status":"ok","provisioned_size":"10737418240","actual_size":"0","format":"cow","sparse":"true",
                       "backup":"incremental","content_type":"data","storage_type":"image","storage_domains":{"storage_domain":[{"id":"{{B}}"}]} } }]},
             "nics":{},"tags":{"tag":[{"id":"{{B}}","name":"a b"}]} }]}
            """);
        await using var client = engine.Connect();

        var vm = Assert.Single(await client.Vms.ListAsync(EngineSearch.Equal("tag", "a b"), withDetails: true, CancellationToken.None).ToListAsync(CancellationToken.None).AsTask().WithinDeadline());

        Assert.Equal(VmStatus.PoweringUp, vm.Status);
        Assert.Equal(1L << 30, vm.MemoryBytes);
        Assert.Equal(new CpuTopology(2, 1, 1), vm.Cpu);
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1472564909990), vm.CreationTime);
        Assert.True(vm.HasIllegalImages);
        var disk = Assert.Single(vm.DiskAttachments!).Disk!;
        Assert.Equal((10L << 30, DiskFormat.Cow, true, DiskBackup.Incremental), (disk.ProvisionedSizeBytes, disk.Format, disk.Sparse, disk.Backup));
        Assert.Equal(DiskInterface.VirtioScsi, vm.DiskAttachments![0].Interface);
        Assert.Empty(vm.Nics!);
        Assert.Equal("a b", Assert.Single(vm.Tags!).Name);
    }

    [Fact]
    public async Task EngineDoesNotFollow_DetailsAreReadOneByOne()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var vm = new VmId(new Guid(A));
        engine.On($"GET vms/{vm}?follow=disk_attachments.disk%2Cnics%2Ctags", $$"""{"id":"{{A}}","name":"web","status":"down"}""");
        engine.On($"GET vms/{vm}/diskattachments?follow=disk", $$"""{"disk_attachment":[{"id":"{{C}}","disk":{"id":"{{C}}","href":"/x"} }]}""");
        engine.On($"GET disks/{C}", $$"""{"id":"{{C}}","name":"d","provisioned_size":4096,"status":"locked"}""");
        engine.On($"GET vms/{vm}/nics?follow=reported_devices", $$"""
            {"nic":[{"id":"{{B}}","name":"nic1","mac":{"address":"56:6f:1a:00:00:01"},"reported_devices":{"reported_device":[{"ips":{"ip":[{"address":"10.0.0.5"}]} }]} }]}
            """);
        engine.On($"GET vms/{vm}/tags", "{}");
        await using var client = engine.Connect();

        var found = await client.Vms.FindWithDetailsAsync(vm, CancellationToken.None).WithinDeadline();

        Assert.Equal(DiskStatus.Locked, Assert.Single(found!.DiskAttachments!).Disk!.Status);
        var nic = Assert.Single(found.Nics!);
        Assert.Equal(["10.0.0.5"], nic.Addresses);
        Assert.Equal("56:6f:1a:00:00:01", nic.MacAddress);
        Assert.Empty(found.Tags!);
    }

    [Fact]
    public async Task VmIsGone_IsNullAndNotAnError()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var client = engine.Connect();

        Assert.Null(await client.Vms.FindAsync(new VmId(Guid.NewGuid()), CancellationToken.None).WithinDeadline());
        await client.Vms.DeleteAsync(new VmId(Guid.NewGuid()), keepDisks: true, force: false, CorrelationId.New(), CancellationToken.None).WithinDeadline();
    }

    [Theory]
    [InlineData("""{"id":"not-a-uuid"}""")]
    [InlineData("""{"name":"x"}""")]
    [InlineData("""{"id":"00000000-0000-0000-0000-00000000000a","memory":"many"}""")]
    [InlineData("""{"id":"00000000-0000-0000-0000-00000000000a","stateless":"maybe"}""")]
    [InlineData("""{"id":"00000000-0000-0000-0000-00000000000a","creation_time":99999999999999999}""")]
    [InlineData("""{"id":["00000000-0000-0000-0000-00000000000a"]}""")]
    [InlineData("""{"id":"00000000-0000-0000-0000-00000000000a","nics":7}""")]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("<html/>")]
    public async Task AnswerBreaksTheProtocol_IsInvalidResponse(string json)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var vm = new VmId(new Guid(A));
        engine.On($"GET vms/{vm}", json);
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Vms.FindAsync(vm, CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.InvalidResponse, failure.Error);
    }

    [Theory]
    [InlineData("web*", "name=web*")]
    [InlineData("my vm", "name=\"my vm\"")]
    [InlineData("and", "name=\"and\"")]
    [InlineData("", "name=\"\"")]
    [InlineData("a=b or c", "name=\"a=b or c\"")]
    public void SearchValue_IsQuotedWhereTheLanguageNeedsIt(string value, string expected) =>
        Assert.Equal(expected, EngineSearch.Equal("name", value).Text);

    [Fact]
    public void SearchValueWithQuotationMark_IsRefused() =>
        Assert.Throws<ArgumentException>(() => EngineSearch.Equal("name", "a\" or name=\"b"));

    private static string Clusters(params string[] ids) =>
        $$"""{"cluster":[{{string.Join(',', ids.Select(id => $$"""{"id":"{{id}}","name":"{{id}}","version":{"major":"4","minor":"7"} }"""))}}]}""";
}
