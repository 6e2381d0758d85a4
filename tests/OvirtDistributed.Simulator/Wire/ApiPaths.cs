// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Wire;

internal static class ApiPaths
{
    /// <summary>What every href in a reply starts with, also for requests that came under <c>/v4</c>.</summary>
    public const string Root = "/ovirt-engine/api";
}
