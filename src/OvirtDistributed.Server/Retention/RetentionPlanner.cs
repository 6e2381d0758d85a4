// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Retention;

/// <summary>Applies each VM's policy to the catalog of restore points. Reads only.</summary>
internal sealed class RetentionPlanner(IDbContextFactory<ServerDbContext> contexts, SharedDamage damage, TimeProvider time)
{
    /// <summary>Every point in scope, by repository and VM, newest first.</summary>
    public async Task<IReadOnlyList<PlannedPoint>> PlanAsync(RetentionScope scope, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var repositories = await context.Repositories.AsNoTracking().ToDictionaryAsync(row => row.Id, cancellationToken);
        var pins = await context.PointPins.AsNoTracking().ToDictionaryAsync(pin => (pin.RepositoryId, pin.PointId), pin => pin.Reason, cancellationToken);
        var rules = await PolicyTable.ReadAsync(context, cancellationToken);
        var now = time.GetUtcNow();
        var planned = new List<PlannedPoint>();
        foreach (var group in (await PointsAsync(context, scope, cancellationToken))
            .GroupBy(point => (point.RepositoryId, Vm: new VmKey(point.ManagerId, point.VmId)))
            .OrderBy(group => repositories[group.Key.RepositoryId].Name, StringComparer.Ordinal)
            .ThenBy(group => group.First().VmName, StringComparer.Ordinal))
        {
            var rule = scope.Instead ?? rules.RuleOf(group.Key.Vm);
            var points = group.ToDictionary(point => point.Id, StringComparer.Ordinal);
            var shared = await damage.FindAsync(repositories[group.Key.RepositoryId], points.Values, cancellationToken);
            var candidates = points.Values.Select(point => new RetentionCandidate(
                point.Id, point.Created, IsGood: point.Damage.Length == 0 && !shared.Contains(point.Id), PinReason: pins.GetValueOrDefault((point.RepositoryId, point.Id)), LockedUntil: point.LockedUntil));
            planned.AddRange(RetentionCalculator.Decide(rule.Rule, candidates, now).Select(decision =>
                new PlannedPoint(points[decision.Point.PointId], repositories[group.Key.RepositoryId], decision, rule.Name)));
        }

        return planned;
    }

    private static async Task<List<RestorePoint>> PointsAsync(ServerDbContext context, RetentionScope scope, CancellationToken cancellationToken)
    {
        var query = context.RestorePoints.AsNoTracking();
        if (scope.RepositoryId is { } repository)
        {
            query = query.Where(point => point.RepositoryId == repository);
        }

        if (scope.Vm is { } vm)
        {
            query = query.Where(point => point.ManagerId == vm.ManagerId && point.VmId == vm.VmId);
        }

        return await query.ToListAsync(cancellationToken);
    }
}
