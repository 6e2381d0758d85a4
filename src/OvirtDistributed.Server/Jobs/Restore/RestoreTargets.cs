// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Finds what a restore request names on its target: by name or id, and without a name what the restore point had.</summary>
internal sealed class RestoreTargets(InventoryCatalog inventory)
{
    private const string NoNetwork = "none";

    /// <summary>The cluster that was asked for, else the point's own, else on another manager the one of its name.</summary>
    /// <exception cref="OperatorException">There is none.</exception>
    public async Task<EngineCluster> ClusterAsync(
        StoredManager manager, RestorePoint point, VmManifest? manifest, string text, CancellationToken cancellationToken)
    {
        var clusters = await inventory.ListAsync<EngineCluster>(manager.Id, InventoryKind.Cluster, cancellationToken);
        if (text.Length > 0)
        {
            return NameLookup.Resolve(clusters, "cluster", "cluster", text, cluster => cluster.Name, cluster => cluster.Id);
        }

        var own = point.ClusterId ?? (await inventory.FindAsync<EngineVm>(point.ManagerId, InventoryKind.Vm, point.VmId, cancellationToken))?.ClusterId;
        if (clusters.FirstOrDefault(cluster => cluster.Id == own) is { } same)
        {
            return same;
        }

        var name = own is { } id ? (await inventory.FindAsync<EngineCluster>(point.ManagerId, InventoryKind.Cluster, id, cancellationToken))?.Name : null;
        name ??= manifest?.Properties.GetValueOrDefault(PointFacts.Cluster, "") ?? "";
        if (manager.Id != point.ManagerId && clusters.FirstOrDefault(cluster => cluster.Name == name) is { } named)
        {
            return named;
        }

        var label = name.Length > 0 ? name : own?.ToString("D") ?? "";
        throw OperatorException.Invalid(
            "cluster", text, $"the restore point's own cluster {label} is not on manager {manager.Name}; choose one with --cluster: {Names(clusters.Select(cluster => cluster.Name))}.");
    }

    /// <summary>Null where none was asked for.</summary>
    /// <exception cref="OperatorException">There is no such data domain for the cluster.</exception>
    public async Task<EngineStorageDomain?> StorageDomainAsync(StoredManager manager, EngineCluster cluster, string text, CancellationToken cancellationToken)
    {
        if (text.Length == 0)
        {
            return null;
        }

        var domains = (await inventory.ListAsync<EngineStorageDomain>(manager.Id, InventoryKind.StorageDomain, cancellationToken))
            .Where(domain => domain.Type == "data" && (domain.DataCenterIds.Count == 0 || domain.DataCenterIds.Contains(cluster.DataCenterId)))
            .ToList();
        return NameLookup.Resolve(domains, "storage_domain", $"data domain for cluster {cluster.Name}", text, domain => domain.Name, domain => domain.Id);
    }

    /// <summary>Network of the point → vNIC profile of the target, null for none.</summary>
    /// <exception cref="OperatorException">There is no such profile or network in the cluster's data center.</exception>
    public async Task<IReadOnlyDictionary<string, Guid?>> NetworksAsync(
        StoredManager manager, EngineCluster cluster, IReadOnlyDictionary<string, string> networks, CancellationToken cancellationToken)
    {
        if (networks.Count == 0)
        {
            return new Dictionary<string, Guid?>();
        }

        var local = (await inventory.ListAsync<EngineNetwork>(manager.Id, InventoryKind.Network, cancellationToken))
            .Where(network => network.DataCenterId == cluster.DataCenterId).ToDictionary(network => network.Id, network => network.Name);
        var profiles = (await inventory.ListAsync<EngineVnicProfile>(manager.Id, InventoryKind.VnicProfile, cancellationToken))
            .Where(profile => local.ContainsKey(profile.NetworkId)).ToList();
        return networks.ToDictionary(pair => pair.Key, pair => ProfileOf(pair.Key, pair.Value, local, profiles));
    }

    /// <exception cref="OperatorException">Another word than keep or new.</exception>
    public static IReadOnlyDictionary<string, bool> Macs(IReadOnlyDictionary<string, string> macs) => macs.ToDictionary(pair => pair.Key, pair => pair.Value switch
    {
        "keep" => true,
        "new" => false,
        _ => throw OperatorException.Invalid($"nic_macs[{pair.Key}]", pair.Value, "use keep or new."),
    });

    /// <summary>NETWORK/PROFILE, a profile, or a network that has one profile.</summary>
    private static Guid? ProfileOf(string network, string text, Dictionary<Guid, string> local, List<EngineVnicProfile> profiles)
    {
        if (text == NoNetwork)
        {
            return null;
        }

        var full = profiles.Where(profile => $"{local[profile.NetworkId]}/{profile.Name}" == text).Take(2).ToList();
        var named = profiles.Where(profile => profile.Name == text).Take(2).ToList();
        var on = profiles.Where(profile => local[profile.NetworkId] == text).Take(2).ToList();
        return full is [var exact] ? exact.Id
            : named.Count == 0 && on is [var only] ? only.Id
            : NameLookup.Resolve(profiles, $"networks[{network}]", "vNIC profile or network", text, profile => profile.Name, profile => profile.Id).Id;
    }

    private static string Names(IEnumerable<string> names) => string.Join(", ", names.Order(StringComparer.Ordinal).Take(20));
}
