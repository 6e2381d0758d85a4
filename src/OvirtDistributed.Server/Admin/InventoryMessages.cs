// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

/// <summary>A manager's inventory as the admin API shows it.</summary>
internal sealed class InventoryMessages(IDbContextFactory<ServerDbContext> contexts, InventoryCatalog inventory)
{
    public async Task AddAsync(Wire.GetInventoryResponse response, StoredManager manager, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var dataCenters = (await inventory.ListAsync<EngineDataCenter>(manager.Id, InventoryKind.DataCenter, cancellationToken))
            .ToDictionary(item => item.Id, item => item.Name);
        var clusters = await inventory.ListAsync<EngineCluster>(manager.Id, InventoryKind.Cluster, cancellationToken);
        var domains = await inventory.ListAsync<EngineStorageDomain>(manager.Id, InventoryKind.StorageDomain, cancellationToken);
        var workers = await context.Workers.GroupBy(worker => worker.ClusterId)
            .Select(group => new { group.Key, Count = group.Count() })
            .ToDictionaryAsync(group => group.Key, group => group.Count, cancellationToken);
        response.Clusters.AddRange(clusters.Select(cluster => new Wire.Cluster
        {
            Id = cluster.Id.ToString("D"),
            Name = cluster.Name,
            Manager = manager.Name,
            DataCenter = dataCenters.GetValueOrDefault(cluster.DataCenterId, ""),
            CompatibilityLevel = cluster.Level,
            Workers = workers.GetValueOrDefault(cluster.Id),
        }));
        response.StorageDomains.AddRange(domains.Select(domain => new Wire.StorageDomain
        {
            Id = domain.Id.ToString("D"),
            Name = domain.Name,
            Manager = manager.Name,
            Type = domain.Type,
            StorageType = domain.StorageType,
            AvailableBytes = domain.AvailableBytes,
            UsedBytes = domain.UsedBytes,
        }));
        await AddHostsAndNetworksAsync(response, manager, dataCenters, cancellationToken);
        await AddVmsAsync(context, response, manager, clusters, domains, cancellationToken);
    }

    private async Task AddHostsAndNetworksAsync(
        Wire.GetInventoryResponse response, StoredManager manager, Dictionary<Guid, string> dataCenters, CancellationToken cancellationToken)
    {
        var hosts = await inventory.ListAsync<EngineHost>(manager.Id, InventoryKind.Host, cancellationToken);
        var networks = await inventory.ListAsync<EngineNetwork>(manager.Id, InventoryKind.Network, cancellationToken);
        var profiles = await inventory.ListAsync<EngineVnicProfile>(manager.Id, InventoryKind.VnicProfile, cancellationToken);
        response.Hosts.AddRange(hosts.Select(host => new Wire.Host
        {
            Id = host.Id.ToString("D"),
            Name = host.Name,
            Address = host.Address,
            Status = host.Status,
            ClusterId = host.ClusterId.ToString("D"),
        }));
        response.Networks.AddRange(networks.Select(network => new Wire.Network
        {
            Id = network.Id.ToString("D"),
            Name = network.Name,
            DataCenter = dataCenters.GetValueOrDefault(network.DataCenterId, ""),
            VnicProfiles = { profiles.Where(profile => profile.NetworkId == network.Id).Select(profile => profile.Name) },
        }));
    }

    private async Task AddVmsAsync(
        ServerDbContext context, Wire.GetInventoryResponse response, StoredManager manager, IReadOnlyList<EngineCluster> clusters,
        IReadOnlyList<EngineStorageDomain> domains, CancellationToken cancellationToken)
    {
        var vms = await inventory.ListAsync<EngineVm>(manager.Id, InventoryKind.Vm, cancellationToken);
        var latest = await context.RestorePoints.Where(point => point.ManagerId == manager.Id)
            .GroupBy(point => point.VmId)
            .Select(group => new { group.Key, Created = group.Max(point => point.Created) })
            .ToDictionaryAsync(group => group.Key, group => group.Created, cancellationToken);
        var clusterById = clusters.ToDictionary(cluster => cluster.Id);
        var domainById = domains.ToDictionary(domain => domain.Id, domain => domain.Name);
        foreach (var vm in vms)
        {
            var cluster = clusterById.GetValueOrDefault(vm.ClusterId);
            var message = new Wire.Vm
            {
                Id = vm.Id.ToString("D"),
                Name = vm.Name,
                Manager = manager.Name,
                Cluster = cluster?.Name ?? "",
                Status = vm.Status,
                Tags = { vm.Tags },
                LastRestorePoint = latest.TryGetValue(vm.Id, out var created) ? created.ToTimestamp() : null,
            };
            message.Disks.AddRange(vm.Disks.Select(disk => new Wire.VmDisk
            {
                Id = disk.Id.ToString("D"),
                Alias = disk.Alias,
                SizeBytes = disk.SizeBytes,
                ActualBytes = disk.ActualBytes,
                Format = disk.Format,
                Sparse = disk.Sparse,
                IncrementalEnabled = disk.IncrementalEnabled,
                StorageDomain = domainById.GetValueOrDefault(disk.StorageDomainId, ""),
                SkipReason = cluster is null ? "" : BackupPlan.SkipReason(disk, cluster, [], TransportModes.ImageTransfer)?.Reason ?? "",
            }));
            response.Vms.Add(message);
        }
    }
}
