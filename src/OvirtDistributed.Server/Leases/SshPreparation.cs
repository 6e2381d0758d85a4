// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;

namespace OvirtDistributed.Server.Leases;

/// <summary>Finds, for an attempt in transport mode ssh, a host and the disk's layers on it. Makes nothing on the manager.</summary>
internal sealed class SshPreparation(IDbContextFactory<ServerDbContext> contexts, InventoryCatalog inventory, PasswordSeal seal)
{
    /// <exception cref="EngineException">There is no access, no host, or no way to the layers.</exception>
    public async Task<SshOrder> PrepareAsync(EngineAccess access, Job job, DiskTask task, Guid diskId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var manager = await context.Managers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == job.ManagerId, cancellationToken);
        if (manager?.Ssh is not { } settings || manager.SealedSshKey is not { } sealedKey)
        {
            throw new EngineException(EngineFailure.Refused, $"Manager {access.ManagerName} has no SSH access to its hosts any more: set it again (ovd manager set-ssh).");
        }

        var clusters = await inventory.ListAsync<EngineCluster>(job.ManagerId, InventoryKind.Cluster, cancellationToken);
        var dataCenterId = clusters.FirstOrDefault(cluster => cluster.Id == job.ClusterId)?.DataCenterId
            ?? throw new EngineException(EngineFailure.Failed, $"Cluster {job.ClusterId} is not in the inventory: refresh it (ovd manager inventory --refresh).");
        var host = await ChooseHostAsync(access.Engine, job, task, [.. clusters.Where(cluster => cluster.DataCenterId == dataCenterId).Select(cluster => cluster.Id)], cancellationToken);
        var (volumes, fromHeader) = await FindChainAsync(context, access.Engine, job, task, diskId, cancellationToken);
        var chain = new List<SshLayer>();
        foreach (var volume in volumes)
        {
            chain.Add(new SshLayer(volume, await IsOnBlockAsync(job.ManagerId, volume, fromHeader, cancellationToken)));
        }

        var address = access.HostAddresses.GetValueOrDefault(host.Address, host.Address);
        return new SshOrder(host, address, settings, seal.Open(SshRegistry.KeyOwner(manager.Id), sealedKey), dataCenterId, chain, fromHeader);
    }

    /// <summary>First the one that runs the VM, because its layers are active there; each later attempt takes the next, in case it is the host's fault.</summary>
    private static async Task<EngineHost> ChooseHostAsync(IEngine engine, Job job, DiskTask task, HashSet<Guid> clusterIds, CancellationToken cancellationToken)
    {
        var runsOn = job.Kind == JobKind.Backup ? (await engine.FindVmAsync(job.VmId, cancellationToken))?.HostId : null;
        var hosts = (await engine.ListHostsAsync(cancellationToken))
            .Where(host => host.Status == "up" && clusterIds.Contains(host.ClusterId))
            .OrderByDescending(host => host.Id == runsOn)
            .ThenByDescending(host => host.ClusterId == job.ClusterId)
            .ThenBy(host => host.Name, StringComparer.Ordinal)
            .ToList();
        return hosts.Count > 0
            ? hosts[Math.Max(0, task.Attempt - 1) % hosts.Count]
            : throw new EngineException(EngineFailure.Failed, "No host of the data center is up, so none can read or write its disks.");
    }

    private static async Task<(IReadOnlyList<EngineVolume> Chain, bool FromHeader)> FindChainAsync(
        ServerDbContext context, IEngine engine, Job job, DiskTask task, Guid diskId, CancellationToken cancellationToken)
    {
        if (job.Kind == JobKind.Restore)
        {
            var volumes = await engine.ListVolumesAsync(diskId, cancellationToken);
            return volumes.Count == 1
                ? (volumes, false)
                : throw new EngineException(EngineFailure.Failed, $"Disk {diskId} has {volumes.Count} layers instead of one: a host writes only a disk without snapshots and template.");
        }

        var details = job.Backup!;
        var top = details.Layers[task.DiskId];
        if (details.GivesLayers)
        {
            var (chain, unlisted) = Below(top, diskId, await engine.ListVolumesAsync(diskId, cancellationToken));
            return unlisted is { } missing
                ? ([.. chain, await FindOnTemplateAsync(engine, job.VmId, diskId, chain, missing, cancellationToken)], false)
                : (chain, false);
        }

        // The disk as it was before the snapshot: its format is that of the layer the snapshot keeps.
        var vm = JsonSerializer.Deserialize<EngineVm>(await context.DocumentAsync(job.Id, JobDocument.Vm, cancellationToken), JsonColumn.Options)!;
        var disk = vm.Disks.First(candidate => candidate.Id == task.DiskId);
        return ([new EngineVolume(top, diskId, null, disk.Format, disk.StorageDomainId)], true);
    }

    /// <summary>From a layer down to the last one, which has no parent, or whose parent (the second value) the manager does not list.</summary>
    private static (List<EngineVolume> Chain, Guid? Unlisted) Below(Guid top, Guid diskId, IReadOnlyList<EngineVolume> volumes)
    {
        var chain = new List<EngineVolume>();
        for (Guid? next = top; next is { } id;)
        {
            if (volumes.FirstOrDefault(candidate => candidate.Id == id) is not { } volume)
            {
                return (chain, id);
            }

            if (chain.Contains(volume))
            {
                throw new EngineException(EngineFailure.Failed, $"The manager lists the layers of disk {diskId} in a circle, by {id}.");
            }

            chain.Add(volume);
            next = volume.ParentId;
        }

        return (chain, null);
    }

    /// <summary>
    /// Managers before 4.4.8 list the layers of a disk without its template's. A template's disk has one layer, which the layer above names by its id, and it lies
    /// on the same storage domain: a thin disk is made nowhere else.
    /// </summary>
    private static async Task<EngineVolume> FindOnTemplateAsync(
        IEngine engine, Guid vmId, Guid diskId, List<EngineVolume> above, Guid missing, CancellationToken cancellationToken)
    {
        var file = above.Count == 0
            ? null
            : (await engine.ListVolumeFilesAsync(vmId, diskId, cancellationToken)).FirstOrDefault(candidate => candidate.OnTemplate && candidate.Id == missing);
        return file is not null
            ? new EngineVolume(file.Id, diskId, null, file.Format, above[^1].StorageDomainId)
            : throw new EngineException(
                EngineFailure.Failed, $"Layer {missing} of disk {diskId} is neither one that the manager lists nor a disk of the VM's template: was a snapshot deleted while the backup ran?");
    }

    private async Task<bool> IsOnBlockAsync(Guid managerId, EngineVolume volume, bool fromHeader, CancellationToken cancellationToken)
    {
        var domain = await inventory.FindAsync<EngineStorageDomain>(managerId, InventoryKind.StorageDomain, volume.StorageDomainId, cancellationToken)
            ?? throw new EngineException(EngineFailure.Failed, $"Storage domain {volume.StorageDomainId} is not in the inventory: refresh it (ovd manager inventory --refresh).");
        return domain switch
        {
            { IsBlock: true } when fromHeader => throw new EngineException(
                EngineFailure.Refused, $"Storage domain {domain.Name} is on block storage, and this manager is older than 4.4.3 and does not list a disk's layers: transport mode ssh reads only its file storage."),
            { IsBlock: true } => true,
            { StorageType: "nfs" or "posixfs" or "glusterfs" or "localfs" } => false,
            _ => throw new EngineException(EngineFailure.Refused, $"Storage domain {domain.Name} is of type {domain.StorageType}, of which hosts have neither files nor logical volumes."),
        };
    }
}
