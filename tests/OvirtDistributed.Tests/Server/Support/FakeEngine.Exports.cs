// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Tests.Server.Support;

internal sealed partial class FakeEngine
{
    private readonly HashSet<Guid> _exporting = [];

    /// <summary>VMs in the export domain.</summary>
    public HashSet<Guid> Exported { get; } = [];

    /// <summary>Of every storage domain in every data center; null when it is attached to none.</summary>
    public string? DomainStatus { get; set; } = "active";

    /// <summary>The next export is accepted and comes to nothing.</summary>
    public bool FailExport { get; set; }

    public Task DeleteVmWithDisksAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(DeleteVmWithDisksAsync), () => Vms.Remove(vmId));

    public Task<string?> FindDomainStatusAsync(Guid dataCenterId, Guid domainId, CancellationToken cancellationToken) =>
        CallAsync(nameof(FindDomainStatusAsync), () => DomainStatus);

    public Task<Guid> CloneSnapshotAsync(EngineCloneStart start, CancellationToken cancellationToken) => CallAsync(nameof(CloneSnapshotAsync), () =>
    {
        var (vmId, layers) = (Snapshots.First(pair => pair.Value.Exists(snapshot => snapshot.Id == start.SnapshotId)).Key, _layers[start.SnapshotId]);
        var source = Vms[vmId];
        var disks = source.Disks.Where(disk => layers.ContainsKey(disk.Id)).Select(disk => disk with { Id = Guid.NewGuid(), Alias = $"{disk.Alias}_{start.Name}" }).ToList();
        foreach (var disk in disks)
        {
            Volumes[disk.Id] = [new EngineVolume(Guid.NewGuid(), disk.Id, null, disk.Format, disk.StorageDomainId)];
        }

        var clone = source with { Id = Guid.NewGuid(), Name = start.Name, Description = start.Description, ClusterId = start.ClusterId, Status = "down", Disks = disks };
        Vms[clone.Id] = clone;
        return clone.Id;
    });

    public Task ExportVmAsync(Guid vmId, Guid domainId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(ExportVmAsync), () =>
    {
        if (FailExport)
        {
            FailExport = false;
            return false;
        }

        return Vms[vmId].Status == "down" ? _exporting.Add(vmId) : throw new EngineException(EngineFailure.Locked, "VM must be down.");
    });

    public Task<bool> IsExportedAsync(Guid domainId, Guid vmId, CancellationToken cancellationToken) => CallAsync(nameof(IsExportedAsync), () =>
    {
        if (_exporting.Remove(vmId))
        {
            Exported.Add(vmId);
        }

        return Exported.Contains(vmId);
    });

    public Task ImportVmAsync(EngineImportStart start, CancellationToken cancellationToken) => CallAsync(nameof(ImportVmAsync), () =>
    {
        var vm = new EngineVm { Id = Guid.NewGuid(), Name = start.Name, ClusterId = start.ClusterId, Status = "down", Description = ImportedDescription };
        return Vms.TryAdd(vm.Id, vm);
    });

    /// <summary>What the OVF of the next import says.</summary>
    public string ImportedDescription { get; set; } = "";

    public Task DeleteExportedAsync(Guid domainId, Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(DeleteExportedAsync), () => Exported.Remove(vmId));
}
