// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>A VM that cannot be backed up as was asked, and why.</summary>
internal sealed record RefusedVm(EngineVm Vm, BackupObstacle Obstacle);

/// <summary>Finds at admission which VMs of a request cannot be backed up, before anything was made.</summary>
internal sealed class BackupRefusals(IEngineDirectory engines, InventoryCatalog inventory, WorkerClusters workers)
{
    /// <summary>
    /// The inventory of VMs that were named may be some minutes old: where it speaks against one the manager is asked, and has the last word if it answers. For rules it
    /// was read a moment ago.
    /// </summary>
    public async Task<IReadOnlyList<RefusedVm>> FindAsync(ServerDbContext context, ResolvedBackup resolved, BackupRequest request, CancellationToken cancellationToken)
    {
        var (manager, asked) = (resolved.Manager, JobAdmission.DetailsOf(request));
        var clusters = (await inventory.ListAsync<EngineCluster>(manager.Id, InventoryKind.Cluster, cancellationToken)).ToDictionary(cluster => cluster.Id);
        var presence = await workers.LookAsync(context, cancellationToken);
        var domains = new ExportDomains();
        var refused = new List<RefusedVm>();
        foreach (var known in resolved.Vms)
        {
            var (vm, obstacle) = (known, await CheckAsync(known));
            if (obstacle is { Kind: ObstacleKind.Stays } && !request.Selection.HasRules && await FindNowAsync(manager.Id, known, cancellationToken) is var now)
            {
                (vm, obstacle) = now is null ? (known, new BackupObstacle(BackupPreview.Gone, ObstacleKind.Stays)) : (now, await CheckAsync(now));
            }

            if (obstacle is { Kind: not ObstacleKind.Settles })
            {
                refused.Add(new RefusedVm(vm, obstacle));
            }
        }

        return refused;

        async Task<BackupObstacle?> CheckAsync(EngineVm vm)
        {
            if (!clusters.TryGetValue(vm.ClusterId, out var cluster))
            {
                return null; // The job says what to do about it.
            }

            var (details, obstacle) = await BackupCheck.CheckAsync(context, manager, vm, cluster, asked, presence, cancellationToken);
            return obstacle is null && details.Export is { } export ? await domains.ExplainAsync(engines, manager.Id, cluster, export, cancellationToken) : obstacle;
        }
    }

    /// <summary>One sentence for all VMs that have the same against them.</summary>
    public static string Explain(IReadOnlyList<RefusedVm> refused) => string.Join(" ", refused.GroupBy(vm => vm.Obstacle.Text).Select(group =>
    {
        const int MostNamed = 5;
        var names = group.Select(vm => vm.Vm.Name).ToList();
        var rest = names.Count - MostNamed;
        var text = string.Join(", ", names.Take(MostNamed)) + (rest > 0 ? $" and {rest} more" : "");
        return group.First().Obstacle.Sentence(names.Count == 1 ? $"VM {text}" : $"VMs {text}");
    }));

    /// <summary>What the manager says of export domains, each asked for once.</summary>
    private sealed class ExportDomains
    {
        private readonly Dictionary<(Guid DataCenter, Guid Domain), BackupObstacle?> _known = [];

        public async Task<BackupObstacle?> ExplainAsync(IEngineDirectory engines, Guid managerId, EngineCluster cluster, BackupExport export, CancellationToken cancellationToken)
        {
            var key = (cluster.DataCenterId, export.DomainId);
            if (!_known.TryGetValue(key, out var obstacle))
            {
                _known[key] = obstacle = await AskAsync(engines, managerId, cluster, export, cancellationToken);
            }

            return obstacle;
        }

        private static async Task<BackupObstacle?> AskAsync(IEngineDirectory engines, Guid managerId, EngineCluster cluster, BackupExport export, CancellationToken cancellationToken)
        {
            try
            {
                var engine = (await engines.OpenAsync(managerId, cancellationToken)).Engine;
                return await ExportReach.ExplainInactiveAsync(engine, cluster, export.DomainId, export.DomainName, cancellationToken) is { } inactive
                    ? new BackupObstacle(inactive, ObstacleKind.Stays)
                    : null;
            }
            catch (EngineException)
            {
                return null; // A job waits for a manager that does not answer.
            }
        }
    }

    /// <summary>Null when the manager does not have it any more; as it was known where the manager cannot be asked.</summary>
    private async Task<EngineVm?> FindNowAsync(Guid managerId, EngineVm known, CancellationToken cancellationToken)
    {
        try
        {
            return await (await engines.OpenAsync(managerId, cancellationToken)).Engine.FindVmAsync(known.Id, cancellationToken);
        }
        catch (EngineException)
        {
            return known;
        }
    }
}
