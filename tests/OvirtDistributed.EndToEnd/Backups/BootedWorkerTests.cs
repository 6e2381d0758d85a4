// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>A worker in a Linux VM that qemu boots: snapshot disks are plugged to it as virtio-scsi disks while it runs, found by what udev makes of them, read and unplugged.</summary>
public sealed class BootedWorkerTests(SharedServers servers, ITestOutputHelper output)
{
    private const string Mode = "disk-attachment";

    [Fact]
    public async Task BackupAndRestoreOverHotPluggedDisks_IsTheSame()
    {
        await using var site = await TestSite.StartAsync(
            servers,
            OneCluster(Running("web", Disk(24), Disk(16, "iscsi1")), Running("agent", Disk(16))),
            output,
            options => options with
            {
                // Its own and one more: two disks at a time are wanted, and the second waits.
                ServerSettings = new Dictionary<string, string>(options.ServerSettings) { ["Server:MaxAttachedDisks"] = "2" },
                WorkerVms = ["agent"],
                BootWorkerVms = true,
                Simulator = options.Simulator with { DeviceSerialLength = 20 },
                HeartbeatInterval = TimeSpan.FromSeconds(3),
                LeaseDuration = TimeSpan.FromSeconds(45),
            });
        var reference = await site.SaveReferenceAsync("web");

        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { "web" }, Repository = LabSite.RepositoryName, TransportMode = Mode, RequestId = Guid.NewGuid().ToString() },
            cancellationToken: TestContext.Current.CancellationToken);
        var backup = await site.SucceedsAsync(reply.Jobs.Single());
        Assert.Equal((Mode, "full", "device"), (backup.TransportMode, backup.Mode, backup.Progress.Route));
        await site.RestoresToAsync(backup, reference, request => request.TransportMode = Mode);
        await site.FinishAsync(checkpointsPerVm: 0);
        var machine = Assert.IsType<GuestService>(Assert.Single(site.Lab.Workers)).Machine;
        Assert.Equal((4, 4, 2), (machine.HotPlugged, machine.HotUnplugged, machine.MostDisks));
        Assert.Contains("the limit is 2 (Server:MaxAttachedDisks)", machine.Tail(int.MaxValue), StringComparison.Ordinal);
    }
}
