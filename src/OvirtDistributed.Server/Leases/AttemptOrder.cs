// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Leases;

/// <summary>Everything a worker needs for one attempt. Holds URLs that are credentials.</summary>
internal sealed record AttemptOrder(Jobs.Job Job, Jobs.DiskTask Task, Guid DiskId, MoverAddress Mover, EngineTransfer Transfer, EngineAccess Access)
{
    public override string ToString() => $"AttemptOrder of task {Task.Id} attempt {Task.Attempt}";
}
