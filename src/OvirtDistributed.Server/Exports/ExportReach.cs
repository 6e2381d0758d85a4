// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Exports;

/// <summary>The export domain of a data center and whose workers have it mounted; or why there is no such way, with what to do.</summary>
internal sealed record ExportReach(EngineStorageDomain? Domain, Guid WorkerClusterId, string? Refusal)
{
    /// <summary>From inventory and workers, without asking the manager. A data center has at most one export domain.</summary>
    /// <param name="context">The database.</param>
    /// <param name="managerId">The manager.</param>
    /// <param name="cluster">The VM's; its own workers come first.</param>
    /// <param name="presence">Workers that are there now come before those that may come back.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<ExportReach> FindAsync(ServerDbContext context, Guid managerId, EngineCluster cluster, WorkerPresence presence, CancellationToken cancellationToken)
    {
        var documents = await context.Inventory.AsNoTracking()
            .Where(item => item.ManagerId == managerId && item.Kind == InventoryKind.StorageDomain)
            .OrderBy(item => item.Name)
            .Select(item => item.Document)
            .ToListAsync(cancellationToken);
        var domain = documents.Select(document => JsonSerializer.Deserialize<EngineStorageDomain>(document, JsonColumn.Options)!)
            .FirstOrDefault(candidate => candidate.Type == "export" && candidate.DataCenterIds.Contains(cluster.DataCenterId));
        if (domain is null)
        {
            return Refused($"transport mode export-domain needs an export storage domain, and the data center of cluster {cluster.Name} has none: "
                + "attach an NFS domain of type export to it, and refresh the inventory (ovd manager inventory --refresh)");
        }

        var worker = presence.Registered.Where(candidate => Mounts(candidate.ExportDomains, domain.Id, domain.Location))
            .OrderByDescending(presence.IsThere)
            .ThenByDescending(candidate => candidate.ClusterId == cluster.Id)
            .ThenByDescending(candidate => candidate.LastSeen)
            .FirstOrDefault();
        return worker is null
            ? Refused($"transport mode export-domain needs a worker that has export domain {domain.Name} ({domain.Location}) mounted, and none of the {presence.Registered.Count} registered says so: "
                + $"mount it there and tell the worker with Worker:ExportDomains:{domain.Id}")
            : new ExportReach(domain, worker.ClusterId, null);
    }

    /// <summary>Whether what a worker says it has mounted is this domain.</summary>
    public static bool Mounts(IReadOnlyList<string> mounted, Guid domainId, string location) => mounted.Any(name =>
        Guid.TryParse(name, out var id) ? id == domainId : location.Length > 0 && string.Equals(Normal(name), Normal(location), StringComparison.Ordinal));

    /// <summary>Why the manager cannot use the domain now; null when it can.</summary>
    /// <exception cref="EngineException">It cannot be asked.</exception>
    public static async Task<string?> ExplainInactiveAsync(IEngine engine, EngineCluster cluster, Guid domainId, string domainName, CancellationToken cancellationToken) =>
        await engine.FindDomainStatusAsync(cluster.DataCenterId, domainId, cancellationToken) switch
        {
            "active" => null,
            null => $"export domain {domainName} is not attached to the data center of cluster {cluster.Name} any more: attach it, or choose another transport mode",
            var status => $"export domain {domainName} is {status} in the data center of cluster {cluster.Name}: activate it, or choose another transport mode",
        };

    /// <summary>What speaks against a restore that ends on these domains.</summary>
    /// <exception cref="EngineException">The manager cannot be asked.</exception>
    public static async Task<IReadOnlyList<string>> ExplainRestoreAsync(
        IEngine engine, EngineCluster cluster, RestoreExport export, IReadOnlyList<EngineStorageDomain> targets, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        if (await ExplainInactiveAsync(engine, cluster, export.DomainId, export.DomainName, cancellationToken) is { } inactive)
        {
            problems.Add($"The VM cannot be imported: {inactive}.");
        }

        var names = targets.Select(domain => domain.Name).Distinct().ToList();
        if (names.Count > 1)
        {
            problems.Add($"An import puts all disks of a VM on one storage domain, and these go to {string.Join(", ", names)}: choose one with --storage-domain.");
        }

        return problems;
    }

    private static string Normal(string location) => location.TrimEnd('/');

    private static ExportReach Refused(string why) => new(null, Guid.Empty, why);
}
