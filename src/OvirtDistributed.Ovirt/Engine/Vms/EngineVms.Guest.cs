// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

public sealed partial class EngineVms
{
    /// <summary>Freezes the file systems of a running guest through its agent; answers when they are frozen. Whoever calls this has to thaw, also when it fails.</summary>
    public Task FreezeFilesystemsAsync(VmId vm, CorrelationId correlation, CancellationToken cancellationToken) =>
        ActAsync(vm, "freezefilesystems", [], correlation, cancellationToken);

    /// <summary>Thaws them. Idempotent: what is not frozen stays so. Refused for a VM that is down.</summary>
    public async Task ThawFilesystemsAsync(VmId vm, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Post($"vms/{vm}/thawfilesystems", [], correlation) with { Idempotent = true }, cancellationToken);
}
