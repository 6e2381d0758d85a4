// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

/// <summary>Export domains, and the clones that go there because only a VM that is down does.</summary>
public sealed partial class EngineVms
{
    /// <summary>Asks for a VM made of a snapshot; it is locked until its disks are copied, and gone when that fails.</summary>
    public Task<Vm> CloneFromSnapshotAsync(CloneSnapshot request, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(
            EngineRequest.Post(EngineQuery.With("vms", ("clone", "true")), request.ToBody(), correlation), EngineJson.Default.VmDto, VmMapping.ToVm, cancellationToken);

    /// <summary>Asks for a copy of a VM that is down in an export domain, in place of one of the same id; the VM is locked meanwhile.</summary>
    public Task ExportAsync(VmId vm, StorageDomainId exportDomain, CorrelationId correlation, CancellationToken cancellationToken) => ActAsync(
        vm,
        "export",
        new JsonObject().SetReference<StorageDomainId>("storage_domain", exportDomain).Set("exclusive", true).Set("discard_snapshots", true),
        correlation,
        cancellationToken);

    /// <summary>A VM as it lies in an export domain; null when there is none.</summary>
    public Task<Vm?> FindExportedAsync(StorageDomainId exportDomain, VmId vm, CancellationToken cancellationToken) =>
        _http.FindAsync($"storagedomains/{exportDomain}/vms/{vm}", EngineJson.Default.VmDto, VmMapping.ToVm, cancellationToken);

    /// <summary>Asks for a VM made of one in an export domain. Not repeated when the answer is lost: look by name.</summary>
    public async Task ImportAsync(StorageDomainId exportDomain, VmId vm, ImportVm request, CorrelationId correlation, CancellationToken cancellationToken)
    {
        // Engines read this one from the query.
        var path = EngineQuery.With($"storagedomains/{exportDomain}/vms/{vm}/import", ("collapse_snapshots", "true"));
        await _http.SendAsync(EngineRequest.Post(path, request.ToBody(), correlation), cancellationToken);
    }

    /// <summary>Deletes a VM with its images from an export domain. Idempotent.</summary>
    public async Task DeleteExportedAsync(StorageDomainId exportDomain, VmId vm, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Delete($"storagedomains/{exportDomain}/vms/{vm}", correlation), cancellationToken);
}
