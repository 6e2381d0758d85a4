// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Outbox;

namespace OvirtDistributed.Server.Exports;

/// <summary>Of the workers of a cluster only those that have an export domain mounted may take its tasks. An offer that another one took goes out again.</summary>
internal sealed class ExportLeases(IDbContextFactory<ServerDbContext> contexts, TimeProvider time)
{
    // Long enough that a worker which takes its own refused offer again and again costs nothing.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    /// <summary>Why a worker cannot do a task; null when it can, or when the mode asks for nothing.</summary>
    public async Task<string?> ExplainUnfitAsync(string workerId, Guid taskId, int attempt, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var job = await context.Jobs.AsNoTracking().FirstOrDefaultAsync(row => row.Tasks.Any(task => task.Id == taskId), cancellationToken);
        var worker = await context.Workers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == workerId, cancellationToken);
        if (ExportWay.Of(job) is not { } way || way.IsMountedBy(worker))
        {
            return null;
        }

        if (await context.Tasks.AsNoTracking().FirstOrDefaultAsync(row => row.Id == taskId && row.Attempt == attempt && row.State == TaskState.Offered, cancellationToken) is { } task)
        {
            var now = time.GetUtcNow();
            context.Outbox.Add(new OutboxOffer { TaskId = task.Id, JobId = task.JobId, ClusterId = task.ClusterId, Attempt = attempt, Created = now, NotBefore = now + Pause });
            await context.SaveChangesAsync(cancellationToken);
        }

        return $"worker {worker?.Name ?? workerId} does not have export domain {way.DomainName} mounted";
    }
}
