// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Server.Managers;

internal sealed partial class OvirtEngine
{
    public Task FreezeGuestAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Vms.FreezeFilesystemsAsync(new VmId(vmId), new CorrelationId(correlationId), cancellationToken));

    public Task ThawGuestAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(async () =>
    {
        try
        {
            await client.Vms.ThawFilesystemsAsync(new VmId(vmId), new CorrelationId(correlationId), cancellationToken);
        }
        catch (OvirtException failure) when (failure.Error is OvirtError.NotFound or OvirtError.Conflict)
        {
            // A guest that does not run has nothing frozen, and the engine has no other way to say so.
            if (await client.Vms.FindAsync(new VmId(vmId), cancellationToken) is { Status: not VmStatus.Down })
            {
                throw;
            }
        }
    });
}
