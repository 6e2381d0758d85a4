// SPDX-License-Identifier: Apache-2.0

using System.Runtime.ExceptionServices;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>Tasks that live and die together: the first failure cancels the rest, all are awaited, and that first failure is the result.</summary>
internal sealed class StageGroup : IDisposable
{
    private readonly CancellationTokenSource _cancel;
    private readonly List<Task> _stages = [];
    private Exception? _failure;

    public StageGroup(CancellationToken cancellationToken) => _cancel = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

    /// <summary>Cancelled when a stage failed or the caller gave up.</summary>
    public CancellationToken Token => _cancel.Token;

    /// <summary>Starts a stage on the thread pool. <see cref="WhenAllAsync"/> must follow.</summary>
    public void Run(Func<CancellationToken, Task> stage) => _stages.Add(Task.Run(() => GuardAsync(stage), CancellationToken.None));

    /// <summary>Waits for all stages and throws the first failure, if there was one.</summary>
    public async Task WhenAllAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_stages);
        if (_failure is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ExceptionDispatchInfo.Throw(_failure);
        }
    }

    public void Dispose() => _cancel.Dispose();

    private async Task GuardAsync(Func<CancellationToken, Task> stage)
    {
        try
        {
            await stage(_cancel.Token);
        }
        catch (Exception failure)
        {
            // The first counts: what follows is only its echo in the other stages.
            Interlocked.CompareExchange(ref _failure, failure, null);
            await _cancel.CancelAsync();
        }
    }
}
