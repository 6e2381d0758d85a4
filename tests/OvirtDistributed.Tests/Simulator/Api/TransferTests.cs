// SPDX-License-Identifier: Apache-2.0

using System.Net;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Storage;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

public sealed class TransferTests
{
    [Fact]
    public async Task Download_LocksTheDisk_GivesBothUrls_AndFreesItOnFinalize()
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = (await api.DisksOfAsync("db"))[0];
        var path = await TransferringAsync(api, new { disk = new { id = disk }, direction = "download", format = "raw" });
        var transfer = await api.GetAsync(path);
        Assert.Matches(@"^https://127\.0\.0\.1:54322/images/[0-9a-f-]{36}$", transfer["transfer_url"]!.GetValue<string>());
        Assert.Matches(@"^https://127\.0\.0\.1:54322/images/[0-9a-f-]{36}$", transfer["proxy_url"]!.GetValue<string>());
        Assert.NotEqual(path.Split('/')[1], Ticket(transfer["transfer_url"]!.GetValue<string>()).ToString());
        Assert.Equal(disk.ToString(), transfer["image"]!["id"]!.GetValue<string>());
        Assert.Null(transfer["disk"]);
        Assert.Equal("locked", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
        Assert.Equal(2, api.Daemons.Sum(d => d.Tickets.Count));
        await api.AssertFaultAsync(HttpMethod.Post, "imagetransfers", new { disk = new { id = disk }, direction = "download", format = "raw" }, HttpStatusCode.Conflict, "is being transferred");

        await api.PostOkAsync($"{path}/finalize", new { });
        await api.WaitAsync(path, "phase", "finished_success");
        Assert.Equal("ok", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
        Assert.Equal(0, api.Daemons.Sum(d => d.Tickets.Count));
        await api.AssertCleanAsync();
    }

    [Theory]
    [InlineData("raw", false, false, ExportKind.Chain)]
    [InlineData("raw", true, false, ExportKind.Layer)]
    [InlineData("cow", false, false, ExportKind.File)]
    [InlineData(null, false, false, ExportKind.File)]
    [InlineData("raw", false, true, ExportKind.Chain)]
    public async Task Request_ChoosesWhatIsExported(string? format, bool shallow, bool upload, ExportKind expected)
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = (await api.DisksOfAsync("db"))[0];
        var body = new Dictionary<string, object>(StringComparer.Ordinal) { ["disk"] = new { id = disk }, ["direction"] = upload ? "upload" : "download" };
        if (format is not null)
        {
            body["format"] = format;
        }

        if (shallow)
        {
            body["shallow"] = "true";
        }

        await TransferringAsync(api, body);
        var export = Assert.Single(api.Storage.Exports);
        Assert.Equal((expected, disk, upload), (export.Kind, export.DiskId, export.Writable));
    }

    [Fact]
    public async Task CancelledUpload_RemovesTheDisk()
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = await NewDiskAsync(api);
        var path = await TransferringAsync(api, new { disk = new { id = disk }, direction = "upload", format = "raw", timeout_policy = "cancel" });
        await api.PostOkAsync($"{path}/cancel", new { });
        await api.WaitAsync(path, "phase", "finished_failure");
        await api.WaitAsync($"disks/{disk}", "id", "gone");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task CancelledDownload_KeepsTheDisk()
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = (await api.DisksOfAsync("db"))[0];
        var path = await TransferringAsync(api, new { disk = new { id = disk }, direction = "download", format = "raw" });
        await api.PostOkAsync($"{path}/cancel", new { });
        await api.WaitAsync(path, "phase", "finished_failure");
        Assert.Equal("ok", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("download", "legacy", "finished_failure")]
    [InlineData("upload", "cancel", "finished_failure")]
    [InlineData("upload", "pause", "paused_system")]
    [InlineData("upload", "legacy", "paused_system")]
    public async Task InactiveClient_EndsOrPausesTheTransfer(string direction, string policy, string phase)
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = await NewDiskAsync(api);
        var path = await TransferringAsync(api, new { disk = new { id = disk }, direction, format = "raw", timeout_policy = policy, inactivity_timeout = "30" });
        await ReportAsync(api, path, new TicketState(false, false, 0, TimeSpan.FromSeconds(31), 0));
        await api.WaitAsync(path, "phase", phase);
    }

    [Fact]
    public async Task PausedUpload_GoesOnAfterResume_WithTheSameUrl()
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = await NewDiskAsync(api);
        var path = await TransferringAsync(api, new { disk = new { id = disk }, direction = "upload", format = "raw" });
        var url = (await api.GetAsync(path))["transfer_url"]!.GetValue<string>();
        await api.PostOkAsync($"{path}/pause", new { });
        await api.WaitAsync(path, "phase", "paused_user");
        await api.PostOkAsync($"{path}/resume", new { });
        await api.WaitAsync(path, "phase", "transferring");
        Assert.Equal(url, (await api.GetAsync(path))["transfer_url"]!.GetValue<string>());
        await api.AssertFaultAsync(HttpMethod.Post, $"{path}/resume", new { }, HttpStatusCode.Conflict, "not paused");
        await api.PostOkAsync($"{path}/finalize", new { });
        await api.WaitAsync(path, "phase", "finished_success");
        Assert.Equal("ok", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task PauseOfADownload_Is400()
    {
        await using var api = await ApiFixture.StartAsync();
        var path = await TransferringAsync(api, new { disk = new { id = (await api.DisksOfAsync("db"))[0] }, direction = "download", format = "raw" });
        await api.AssertFaultAsync(HttpMethod.Post, $"{path}/pause", new { }, HttpStatusCode.BadRequest, "Cannot pause image download");
    }

    [Fact]
    public async Task CompletelyReadIdleDownload_FinalizesByItself()
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = (await api.DisksOfAsync("db"))[1];
        var path = await TransferringAsync(api, new { disk = new { id = disk }, direction = "download", format = "raw" });
        await ReportAsync(api, path, new TicketState(false, false, 0, TimeSpan.FromSeconds(2), 32 << 20));
        await api.WaitAsync(path, "phase", "finished_success");
    }

    [Fact]
    public async Task LostTicket_CancelsADownload()
    {
        await using var api = await ApiFixture.StartAsync();
        var path = await TransferringAsync(api, new { disk = new { id = (await api.DisksOfAsync("db"))[1] }, direction = "download", format = "raw" });
        var ticket = Ticket((await api.GetAsync(path))["transfer_url"]!.GetValue<string>());
        api.Daemons.ForEach(d => d.Forget(ticket));
        await api.WaitAsync(path, "phase", "finished_failure");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task BusyConnection_HoldsTheEndUntilItIsClosed()
    {
        await using var api = await ApiFixture.StartAsync();
        var path = await TransferringAsync(api, new { disk = new { id = (await api.DisksOfAsync("db"))[1] }, direction = "download", format = "raw" });
        api.Daemons.ForEach(d => d.Busy = true);
        await api.PostOkAsync($"{path}/finalize", new { });
        await api.WaitAsync(path, "phase", "finalizing_success");
        api.Daemons.ForEach(d => d.Busy = false);
        await api.WaitAsync(path, "phase", "finished_success");
    }

    [Fact]
    public async Task UnreachableHost_HoldsTheTransferFinalizing_UntilItIsBack()
    {
        await using var api = await ApiFixture.StartAsync();
        var path = await TransferringAsync(api, new { disk = new { id = (await api.DisksOfAsync("db"))[1] }, direction = "download", format = "raw" });
        api.Daemons.ForEach(d => d.Gone = true);
        await api.PostOkAsync($"{path}/finalize", new { });
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("finalizing_success", (await api.GetAsync(path))["phase"]!.GetValue<string>());
        }

        api.Daemons.ForEach(d => d.Gone = false);
        await api.WaitAsync(path, "phase", "finished_success");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task HostThatTakesNoTicket_FailsTheTransferAndLeavesNothing()
    {
        await using var api = await ApiFixture.StartAsync();
        api.Daemons.ForEach(d => d.RefusesTickets = d.Gone = true);
        var transfer = await api.PostOkAsync("imagetransfers", new { disk = new { id = (await api.DisksOfAsync("db"))[0] }, direction = "download", format = "raw" });
        await api.WaitAsync($"imagetransfers/{transfer["id"]}", "phase", "finished_failure");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task ProxyThatRefusesTheTicket_IsAnEventOnly()
    {
        await using var api = await ApiFixture.StartAsync();
        api.Daemons[^1].RefusesTickets = true;
        await TransferringAsync(api, new { disk = new { id = (await api.DisksOfAsync("db"))[1] }, direction = "download", format = "raw" });
        Assert.NotNull((await api.GetAsync("events?search=type%3D1075"))["event"]);
    }

    [Fact]
    public async Task StorageFailure_FailsTheTransferAndFreesTheDisk()
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = (await api.DisksOfAsync("db"))[0];
        api.Storage.Failures["OpenExportAsync"] = new StorageException(StorageFailure.ToolFailed, "no qemu-nbd");
        var transfer = await api.PostOkAsync("imagetransfers", new { disk = new { id = disk }, direction = "download", format = "raw" });
        await api.WaitAsync($"imagetransfers/{transfer["id"]}", "phase", "finished_failure");
        Assert.Equal("ok", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
        Assert.Empty(api.Storage.Failures);
    }

    [Fact]
    public async Task LiveDisk_IsRefused_ButItsSnapshotIsNot()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = $"vms/{await api.VmAsync("web")}";
        var disk = (await api.DisksOfAsync("web"))[0];
        await api.AssertFaultAsync(HttpMethod.Post, "imagetransfers", new { disk = new { id = disk }, direction = "download", format = "raw" }, HttpStatusCode.Conflict, "is plugged to non-Down VMs: web");
        var snapshot = (await api.PostOkAsync($"{vm}/snapshots", new { description = "s", persist_memorystate = "false" }))["id"]!.GetValue<string>();
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "snapshot_status", "ok");
        var image = (await api.GetAsync($"{vm}/snapshots/{snapshot}/disks"))["disk"]![0]!["image_id"]!.GetValue<string>();
        var path = await TransferringAsync(api, new { snapshot = new { id = image }, direction = "download", format = "raw", shallow = "true" });
        Assert.Equal(ExportKind.Layer, api.Storage.Exports.Single().Kind);
        await api.AssertFaultAsync(HttpMethod.Delete, $"{vm}/snapshots/{snapshot}", null, HttpStatusCode.Conflict, "is being transferred");
        await api.PostOkAsync($"{path}/finalize", new { });
        await api.WaitAsync(path, "phase", "finished_success");
        await api.SendAsync(HttpMethod.Delete, $"{vm}/snapshots/{snapshot}");
        await api.WaitAsync($"{vm}/snapshots/{snapshot}", "id", "gone");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task ActionOnAnUnknownTransfer_AnswersOk()
    {
        await using var api = await ApiFixture.StartAsync();
        await api.PostOkAsync($"imagetransfers/{Guid.NewGuid()}/finalize", new { });
        await api.PostOkAsync($"imagetransfers/{Guid.NewGuid()}/cancel", new { });
    }

    [Fact]
    public async Task HostAddressOverride_AppearsInTransferUrl_NotInTheProxysTicket()
    {
        await using var api = await ApiFixture.StartAsync(change: o => o with
        {
            HostAddresses = new Dictionary<string, string>(StringComparer.Ordinal) { ["default-host1"] = "host1.invalid", ["default-host2"] = "host2.invalid" },
        });
        var path = await TransferringAsync(api, new { disk = new { id = (await api.DisksOfAsync("db"))[1] }, direction = "download", format = "raw" });
        Assert.Contains(".invalid:", (await api.GetAsync(path))["transfer_url"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.StartsWith("https://127.0.0.1:", api.Daemons[^1].Tickets.Single().Value.Url, StringComparison.Ordinal);
    }

    private static Guid Ticket(string url) => Guid.Parse(url.Split('/')[^1]);

    private static async Task ReportAsync(ApiFixture api, string path, TicketState state)
    {
        var ticket = Ticket((await api.GetAsync(path))["transfer_url"]!.GetValue<string>());
        foreach (var daemon in api.Daemons.Where(d => d.Tickets.ContainsKey(ticket)))
        {
            daemon.Report(ticket, state);
        }
    }

    private static async Task<string> TransferringAsync(ApiFixture api, object body)
    {
        var path = $"imagetransfers/{(await api.PostOkAsync("imagetransfers", body))["id"]}";
        await api.WaitAsync(path, "phase", "transferring");
        return path;
    }

    private static async Task<string> NewDiskAsync(ApiFixture api)
    {
        var disk = (await api.PostOkAsync("disks", new { name = "new", format = "cow", provisioned_size = "1048576", storage_domains = new { storage_domain = new[] { new { name = "nfs1" } } } }))["id"]!.GetValue<string>();
        await api.WaitAsync($"disks/{disk}", "status", "ok");
        return disk;
    }
}
