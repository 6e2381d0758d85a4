// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Conformance;

public sealed class SimulatorEngineConformance : EngineConformance
{
    protected override Task<IEngineSite> StartAsync() => SimulatorSite.StartAsync();

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
