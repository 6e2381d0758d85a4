// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Leases;

/// <summary>Everything a worker needs for one attempt. Holds URLs that are credentials.</summary>
internal sealed record AttemptOrder(Jobs.Job Job, Jobs.DiskTask Task, Guid DiskId, MoverAddress Mover, EngineTransfer Transfer, EngineAccess Access)
{
    /// <summary>The key of an encrypted repository.</summary>
    public RepositoryKey? Key { get; init; }

    /// <summary>Backup: the disk in the base point. Restore: the disk in the restore point. As the authenticated manifest says.</summary>
    public RestorePointDisk? Source { get; init; }

    public override string ToString() => $"AttemptOrder of task {Task.Id} attempt {Task.Attempt}";
}
