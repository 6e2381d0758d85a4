// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Retention;

/// <summary>Restore points that operators want kept.</summary>
internal sealed class PointPins(IDbContextFactory<ServerDbContext> contexts, TimeProvider time)
{
    private const int LongestReason = 500;

    /// <summary>Idempotent; a new reason replaces the old one.</summary>
    /// <returns>The point's id.</returns>
    /// <exception cref="OperatorException">There is no such point, or the reason is too long.</exception>
    public async Task<string> PinAsync(string pointText, string reason, CancellationToken cancellationToken)
    {
        if (reason.Length > LongestReason)
        {
            throw OperatorException.Invalid("reason", reason[..40] + "…", $"use at most {LongestReason} characters.");
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var point = await PointLookup.ResolveAsync(context, "point", pointText, cancellationToken);
        if (await context.PointPins.FindAsync([point.RepositoryId, point.Id], cancellationToken) is { } pin)
        {
            pin.Reason = reason;
        }
        else
        {
            context.PointPins.Add(new PointPin { RepositoryId = point.RepositoryId, PointId = point.Id, Reason = reason, Pinned = time.GetUtcNow() });
        }

        await context.SaveChangesAsync(cancellationToken);
        return point.Id;
    }

    /// <returns>The point's id, and whether it was pinned.</returns>
    /// <exception cref="OperatorException">There is no such point.</exception>
    public async Task<(string PointId, bool WasPinned)> UnpinAsync(string pointText, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var point = await PointLookup.ResolveAsync(context, "point", pointText, cancellationToken);
        var removed = await context.PointPins.Where(pin => pin.RepositoryId == point.RepositoryId && pin.PointId == point.Id).ExecuteDeleteAsync(cancellationToken);
        return (point.Id, removed > 0);
    }
}
