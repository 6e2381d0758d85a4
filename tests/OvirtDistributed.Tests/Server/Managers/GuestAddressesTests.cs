// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Simulator.Api;
using Xunit;

namespace OvirtDistributed.Tests.Server.Managers;

/// <summary>Where a manager says that a guest is reached.</summary>
public sealed class GuestAddressesTests
{
    [Fact]
    public async Task AgentsReport_IsReadOfRunningGuestsThatHaveOne()
    {
        var talks = new VmModel("talks", [new DiskModel(1 << 20)]) { Running = true, GuestAddresses = ["192.0.2.7", "2001:db8::5"], Nics = ["ovirtmgmt", "ovirtmgmt"] };
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty with
        {
            DataCenters = [DataCenterModel.Simple("d", "c", [talks, talks with { Name = "mute", GuestAgent = false }, talks with { Name = "rests", Running = false }], 1)],
        });
        await using var client = new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(new EngineConnection
        {
            ApiUrl = api.ApiUrl,
            User = api.Options.User,
            Password = new Secret(api.Options.Password),
            Trust = TlsTrust.Pinned(api.CaPem),
        });
        var engine = new OvirtEngine(client);

        Assert.Equal(["192.0.2.7", "2001:db8::5"], await engine.ListGuestAddressesAsync(await api.VmAsync("talks"), ApiFixture.Token).WithinDeadline());
        Assert.Empty(await engine.ListGuestAddressesAsync(await api.VmAsync("mute"), ApiFixture.Token).WithinDeadline());
        Assert.Empty(await engine.ListGuestAddressesAsync(await api.VmAsync("rests"), ApiFixture.Token).WithinDeadline());
    }
}
