// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Tests.Ovirt.Conformance;

public sealed class SimulatorEngineConformance : EngineConformance
{
    protected override Task<IEngineSite> StartAsync() => SimulatorSite.StartAsync();
}
