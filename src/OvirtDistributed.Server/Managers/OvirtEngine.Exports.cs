// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Server.Managers;

internal sealed partial class OvirtEngine
{
    public Task DeleteVmWithDisksAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) => CallUnlessGoneAsync(() =>
        client.Vms.DeleteAsync(new VmId(vmId), keepDisks: false, force: false, new CorrelationId(correlationId), cancellationToken));

    public Task<string?> FindDomainStatusAsync(Guid dataCenterId, Guid domainId, CancellationToken cancellationToken) => CallAsync<string?>(async () =>
        (await client.Inventory.ListStorageDomainsAsync(new DataCenterId(dataCenterId), cancellationToken)).FirstOrDefault(domain => domain.Id.Value == domainId) is { } found
            ? Word(found.Status)
            : null);

    public Task<Guid> CloneSnapshotAsync(EngineCloneStart start, CancellationToken cancellationToken) => CallAsync(async () => (await client.Vms.CloneFromSnapshotAsync(
        new CloneSnapshot { Name = start.Name, Description = start.Description, Cluster = new ClusterId(start.ClusterId), Snapshot = new SnapshotId(start.SnapshotId) },
        new CorrelationId(start.CorrelationId),
        cancellationToken)).Id.Value);

    public Task ExportVmAsync(Guid vmId, Guid domainId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Vms.ExportAsync(new VmId(vmId), new StorageDomainId(domainId), new CorrelationId(correlationId), cancellationToken));

    public Task<bool> IsExportedAsync(Guid domainId, Guid vmId, CancellationToken cancellationToken) => CallAsync(async () =>
        await client.Vms.FindExportedAsync(new StorageDomainId(domainId), new VmId(vmId), cancellationToken) is not null);

    public Task ImportVmAsync(EngineImportStart start, CancellationToken cancellationToken) => CallAsync(() => client.Vms.ImportAsync(
        new StorageDomainId(start.DomainId),
        new VmId(start.VmId),
        new ImportVm { Name = start.Name, Cluster = new ClusterId(start.ClusterId), StorageDomain = new StorageDomainId(start.StorageDomainId) },
        new CorrelationId(start.CorrelationId),
        cancellationToken));

    public Task DeleteExportedAsync(Guid domainId, Guid vmId, Guid correlationId, CancellationToken cancellationToken) => CallUnlessGoneAsync(() =>
        client.Vms.DeleteExportedAsync(new StorageDomainId(domainId), new VmId(vmId), new CorrelationId(correlationId), cancellationToken));
}
