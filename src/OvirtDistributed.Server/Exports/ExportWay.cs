// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Workers;

namespace OvirtDistributed.Server.Exports;

/// <summary>The export domain that a job's disks go through.</summary>
/// <param name="DomainId">The domain.</param>
/// <param name="DomainName">Its name.</param>
/// <param name="Location"><c>address:path</c>, as hosts mount it.</param>
internal sealed record ExportWay(Guid DomainId, string DomainName, string Location)
{
    /// <summary>Null in every other transport mode.</summary>
    public static ExportWay? Of(Job? job) => job switch
    {
        { Backup.Export: { } backup } => new ExportWay(backup.DomainId, backup.DomainName, backup.Location),
        { Restore.Export: { } restore } => new ExportWay(restore.DomainId, restore.DomainName, restore.Location),
        _ => null,
    };

    /// <summary>Whether a worker says that it has the domain mounted.</summary>
    public bool IsMountedBy(StoredWorker? worker) => worker is not null && ExportReach.Mounts(worker.ExportDomains, DomainId, Location);
}
