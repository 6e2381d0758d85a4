// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Workers;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Whom a job needs: a worker of a cluster, and in some transport modes not just any of them.</summary>
internal sealed record WorkerNeed(Guid ClusterId)
{
    /// <summary>Whether a worker of the cluster is one of those; null when each is.</summary>
    public Func<StoredWorker, bool>? Fits { get; private init; }

    /// <summary>Goes behind "no worker of cluster NAME".</summary>
    public string Which { get; private init; } = "";

    /// <summary>What makes one of them.</summary>
    public string Remedy { get; private init; } = "";

    /// <summary>Of a task that was offered.</summary>
    public static WorkerNeed Of(Job job, DiskTask task) => job switch
    {
        { Restore: { } restore } => restore.Need(),
        { Backup.TransportMode: TransportModes.DiskAttachment } => InVm(task.ClusterId, job.VmId),
        _ => Mounting(task.ClusterId, ExportWay.Of(job)),
    };

    /// <param name="clusterId">The cluster.</param>
    /// <param name="way">The domain; null when the disks go through none.</param>
    public static WorkerNeed Mounting(Guid clusterId, ExportWay? way) => way is null ? new(clusterId) : new(clusterId)
    {
        Fits = way.IsMountedBy,
        Which = $" that has export domain {way.DomainName} mounted",
        Remedy = $"mount it on another worker there and tell it with Worker:ExportDomains:{way.DomainId}",
    };

    /// <param name="clusterId">The cluster.</param>
    /// <param name="exceptVm">A VM in which the worker must not run, because its disks are there already.</param>
    public static WorkerNeed InVm(Guid clusterId, Guid? exceptVm) => new(clusterId)
    {
        Fits = worker => WorkerVms.Fits(worker, exceptVm),
        Which = " that runs in another VM",
        Remedy = "start one in another VM of the cluster",
    };
}
