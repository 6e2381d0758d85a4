// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Managers;

/// <summary>The engines of the managers that are known.</summary>
internal interface IEngineDirectory
{
    /// <summary>A connected engine; it is shared and must not be disposed.</summary>
    /// <exception cref="EngineException">The manager is not known (any more).</exception>
    Task<EngineAccess> OpenAsync(Guid managerId, CancellationToken cancellationToken);
}

/// <summary>An engine with what workers need to trust its hosts and proxy.</summary>
internal sealed record EngineAccess(Guid ManagerId, string ManagerName, IEngine Engine, string HostCaPem, string ProxyCaPem, IReadOnlyDictionary<string, string> HostAddresses);
