// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs.Backup;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Workers to whose VM disks can be attached.</summary>
internal static class WorkerVms
{
    /// <summary>Why a cluster has no such worker; null when it has one.</summary>
    /// <param name="context">The database.</param>
    /// <param name="clusterId">The cluster.</param>
    /// <param name="exceptVm">A VM in which the worker must not run, because its disks are there already.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<string?> ExplainNoneAsync(ServerDbContext context, Guid clusterId, Guid? exceptVm, CancellationToken cancellationToken)
    {
        var workers = await context.Workers.AsNoTracking().Where(row => row.ClusterId == clusterId).ToListAsync(cancellationToken);
        return workers.Any(worker => worker.TransportModes.Contains(TransportModes.DiskAttachment) && Guid.TryParse(worker.SystemUuid, out var own) && own != exceptVm)
            ? null
            : $"transport mode {TransportModes.DiskAttachment} needs a worker that runs in another VM of the cluster, and none of the {workers.Count} registered there does";
    }
}
