// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Workers;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Workers to whose VM disks can be attached.</summary>
internal static class WorkerVms
{
    private const int MostNamed = 5;

    /// <summary>Whether disks can be attached to a worker's VM.</summary>
    public static bool Fits(StoredWorker worker, Guid? exceptVm) =>
        worker.TransportModes.Contains(TransportModes.DiskAttachment) && Guid.TryParse(worker.SystemUuid, out var own) && own != exceptVm;

    /// <summary>Whether a cluster has, or had and may have again, such a worker: one that was asked for by name is waited for.</summary>
    public static bool AnyRegistered(WorkerPresence presence, Guid clusterId, Guid? exceptVm) =>
        presence.Registered.Any(worker => worker.ClusterId == clusterId && Fits(worker, exceptVm));

    /// <summary>Why a cluster has no such worker now; null when it has one.</summary>
    /// <param name="presence">Which workers are there.</param>
    /// <param name="clusterId">The cluster.</param>
    /// <param name="exceptVm">A VM in which the worker must not run, because its disks are there already.</param>
    public static string? ExplainNone(WorkerPresence presence, Guid clusterId, Guid? exceptVm)
    {
        var workers = presence.Registered.Where(row => row.ClusterId == clusterId).ToList();
        return workers.Any(worker => presence.IsThere(worker) && Fits(worker, exceptVm))
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
            : Fits(worker, exceptVm) ? $"{worker.Name} was heard of last at {worker.LastSeen:u} (start it, or choose another mode)"
            : $"{worker.Name} does not say which VM it runs in (run it as root, or set its Worker:SystemUuid to the id of its VM)";
}
