// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <content>Fences for those who only read, and tasks that will not go on.</content>
public sealed partial class RepositoryStore
{
    /// <summary>Refuses a token that is below the task's fence, and otherwise makes it the fence, as opening a write session does.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Fenced"/>.</exception>
    public async Task ClaimAsync(string taskId, long token, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        StorageNames.RequireId(taskId, "task id");
        using var held = await _locks.EnterAsync(taskId, cancellationToken);
        await TakeTokenAsync(taskId, token, cancellationToken);
        if (_taskSessions.TryGetValue(taskId, out var session) && session.FencingToken < token)
        {
            await session.EndAsync(RepositoryError.Fenced, $"token {token} was claimed");
        }
    }

    /// <summary>
    /// Ends a task whose job will not be committed: every token is refused for ever, an open session has ended, its journals are gone, so what
    /// only they named can be collected. Idempotent.
    /// </summary>
    public async Task AbandonTaskAsync(string taskId, CancellationToken cancellationToken)
    {
        await FenceAsync(taskId, long.MaxValue, cancellationToken);
        using var held = await _locks.EnterAsync(taskId, cancellationToken);
        foreach (var name in await SessionJournal.ListAsync(_storage, taskId, cancellationToken))
        {
            await _storage.DeleteAsync(name, cancellationToken);
        }
    }
}
