// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Conformance;

public sealed class SimulatorEngineConformance : EngineConformance
{
    protected override async Task<IEngineSite> StartAsync() => await SimulatorSite.StartAsync();

    [Fact]
    public async Task EngineBacksUpWithoutASnapshot_GivesTheDisksBitForBitToo()
    {
        await using var site = await SimulatorSite.StartAsync(new SimulatorOptions { HybridBackupFrom = null });
        await BackUpTwiceAsync(site, "web");
    }

    [Fact]
    public async Task ConnectionsBreakDuringTheDownload_ImageIsStillBitForBit()
    {
        await using var site = await SimulatorSite.StartAsync();
        await using var client = Connect(site);
        var disk = (await FindVmAsync(client, "db")).DiskAttachments![0].DiskId;
        var fault = site.Faults.Arm(new FaultRule { Name = "broken reads", Method = "GET", Path = "/images/*", DropAfterBytes = 70_000, Skip = 2, Times = 3 });

        await using var lease = await OpenAsync(client, CreateImageTransfer.DownloadDisk(disk));
        await using (var image = await ConnectAsync(site, lease, ImageAccess.Read))
        {
            AssertSame(await site.ReadDiskAsync(disk), (await DownloadAsync(image, ExtentContext.Zero, before: null)).Image);
        }

        Assert.True(fault.Exercised);
        await lease.CompleteAsync().WithinDeadline();
    }

    [Fact]
    public async Task DiskIsLockedForAMoment_TransferIsAskedForAgain()
    {
        await using var site = await SimulatorSite.StartAsync();
        await using var client = Connect(site);
        var disk = (await FindVmAsync(client, "db")).DiskAttachments![0].DiskId;
        var fault = site.Faults.Arm(new FaultRule
        {
            Name = "locked",
            Method = "POST",
            Path = "/imagetransfers",
            Status = 409,
            Detail = "[Cannot transfer Virtual Disk: Disk is locked. Please try again later.]",
            Times = 2,
        });

        await using var lease = await OpenAsync(client, CreateImageTransfer.DownloadDisk(disk));

        Assert.True(fault.Exercised);
        await lease.CompleteAsync().WithinDeadline();
    }

    [Fact]
    public async Task FirstUse_CaOfTheManagerIsFetchedAndEnough()
    {
        await using var site = await SimulatorSite.StartAsync();
        var found = await new FirstUseTrustFetcher(TimeProvider.System)
            .FetchAsync(site.Connection.ApiUrl, new Dictionary<string, string>(), CancellationToken.None).WithinDeadline();

        Assert.True(found.WebCertificateIsFromEngineCa);
        await using var client = new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance)
            .Create(site.Connection with { Trust = found.Confirm(webCaPem: null) });
        await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();
    }

    [Fact]
    public async Task HostsCannotBeReached_DataComesThroughTheProxy()
    {
        // An address of a name that does not resolve: transfer URLs name it, the proxy knows better.
        await using var site = await SimulatorSite.StartAsync(new SimulatorOptions
        {
            HostAddresses = new Dictionary<string, string> { ["default-host1"] = "host1.invalid", ["default-host2"] = "host2.invalid" },
        });
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "db");
        var disk = vm.DiskAttachments![0].DiskId;

        await using var lease = await OpenAsync(client, CreateImageTransfer.DownloadDisk(disk));
        await using (var image = await ConnectAsync(site, lease, ImageAccess.Read))
        {
            Assert.Equal(ImageRoute.Proxy, image.Route);
            AssertSame(await site.ReadDiskAsync(disk), (await DownloadAsync(image, ExtentContext.Zero, before: null)).Image);
        }

        Assert.Equal(TransferEnd.Succeeded, await lease.CompleteAsync().WithinDeadline());
    }
}
