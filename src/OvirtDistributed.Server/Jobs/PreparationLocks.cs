// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Per task: its preparation for a worker and its settlement never run at the same time in this process.</summary>
internal sealed class PreparationLocks
{
    private readonly KeyedLocks _locks = new();

    public Task<IDisposable> EnterAsync(Guid taskId, CancellationToken cancellationToken) => _locks.EnterAsync(taskId, cancellationToken);
}
