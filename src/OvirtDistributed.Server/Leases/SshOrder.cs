// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;

namespace OvirtDistributed.Server.Leases;

/// <summary>A disk that a host reads or writes for a worker. Holds a private key or a password: never logged.</summary>
/// <param name="Host">The host.</param>
/// <param name="Address">Where workers reach it.</param>
/// <param name="Settings">How.</param>
/// <param name="Secret">With what: a password, if the settings say so.</param>
/// <param name="DataCenterId">Its data center.</param>
/// <param name="Chain">The layer to begin with, then what lies below.</param>
/// <param name="BackingFromHeader">The manager does not list the layers: the first one names the next.</param>
internal sealed record SshOrder(
    EngineHost Host, string Address, SshSettings Settings, string Secret, Guid DataCenterId, IReadOnlyList<SshLayer> Chain, bool BackingFromHeader)
{
    public override string ToString() => $"SshOrder {Host.Name}";
}

/// <remarks>OnBlock: a logical volume instead of a file.</remarks>
internal sealed record SshLayer(EngineVolume Volume, bool OnBlock);
