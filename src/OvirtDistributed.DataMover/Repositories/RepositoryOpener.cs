// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Hosting;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Configuration;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>
/// Opens all repositories at start, each on its own, and tries again those that failed: a share that is mounted later needs no restart.
/// Closes them after the last call has ended.
/// </summary>
internal sealed class RepositoryOpener(RepositoryRoster roster, DataMoverOptions options, TimeProvider timeProvider) : IHostedService, IDisposable
{
    /// <summary>A start waits this long for repositories, so that a caller right behind it finds them open; a long repair goes on in the background.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(20);

    private readonly CancellationTokenSource _stopping = new();
    private Task _loops = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var firstTries = new List<Task>();
        var loops = new List<Task>();
        foreach (var repository in roster.All)
        {
            var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            firstTries.Add(first.Task);
            loops.Add(KeepOpenAsync(repository, first, _stopping.Token));
        }

        _loops = Task.WhenAll(loops);
        try
        {
            await Task.WhenAll(firstTries).WaitAsync(StartPatience, timeProvider, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Calls answer "is being opened" until then.
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _loops;
        await roster.DisposeAsync();
    }

    public void Dispose() => _stopping.Dispose();

    private async Task KeepOpenAsync(HostedRepository repository, TaskCompletionSource firstTry, CancellationToken cancellationToken)
    {
        await Task.Yield();
        try
        {
            while (true)
            {
                await repository.OpenAsync(cancellationToken);
                firstTry.TrySetResult();
                if (repository.State == RepositoryState.Ready)
                {
                    return;
                }

                await Task.Delay(options.Limits.ReopenDelay, timeProvider, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            firstTry.TrySetResult();
        }
    }
}
