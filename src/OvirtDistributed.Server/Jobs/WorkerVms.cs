// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Workers;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Workers to whose VM disks can be attached.</summary>
internal static class WorkerVms
{
    private const int MostNamed = 5;

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
            : $"transport mode {TransportModes.DiskAttachment} needs a worker that runs in another VM of the cluster, and {Reason(workers, exceptVm)}";
    }

    /// <summary>Of each worker what is in the way, and what to do.</summary>
    private static string Reason(List<StoredWorker> workers, Guid? exceptVm) => workers.Count == 0
        ? "no worker is registered there (start one in a VM of the cluster, or choose another mode)"
        : $"none of the {workers.Count} registered there does: {string.Join(", ", workers.OrderBy(worker => worker.Name, StringComparer.Ordinal).Take(MostNamed).Select(worker => Reason(worker, exceptVm)))}";

    private static string Reason(StoredWorker worker, Guid? exceptVm) => !worker.TransportModes.Contains(TransportModes.DiskAttachment)
        ? $"{worker.Name} does not know the mode (update it)"
        : Guid.TryParse(worker.SystemUuid, out var own) && own == exceptVm
            ? $"{worker.Name} runs in the VM itself (start one in another VM, or choose another mode)"
            : $"{worker.Name} does not say which VM it runs in (run it as root, or set its Worker:SystemUuid to the id of its VM)";
}
