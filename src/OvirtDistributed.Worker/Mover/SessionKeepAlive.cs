// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Repository;

namespace OvirtDistributed.Worker.Mover;

/// <summary>
/// Touches a session at the Data Mover at regular intervals, from opening to closing: the source may take half an hour to list its extents,
/// or be slow or throttled, and the Data Mover ends idle sessions. Disposing it ends the loop.
/// </summary>
internal sealed class SessionKeepAlive : IAsyncDisposable
{
    private static readonly TimeSpan DefaultPause = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    private SessionKeepAlive(Func<CancellationToken, Task> touch, TimeSpan pause, TimeProvider time) => _loop = RunAsync(touch, pause, time, _stop.Token);

    /// <summary>Starts touching.</summary>
    /// <param name="touch">Any cheap call on the session.</param>
    /// <param name="idleTimeoutSeconds">As the Data Mover said when the session was opened; 0 when it said nothing.</param>
    /// <param name="time">Clock.</param>
    public static SessionKeepAlive Start(Func<CancellationToken, Task> touch, int idleTimeoutSeconds, TimeProvider time) =>
        new(touch, idleTimeoutSeconds > 0 ? TimeSpan.FromSeconds(idleTimeoutSeconds) / 3 : DefaultPause, time);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private static async Task RunAsync(Func<CancellationToken, Task> touch, TimeSpan pause, TimeProvider time, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(pause, time, cancellationToken);
            try
            {
                await touch(cancellationToken);
            }
            catch (Exception failure) when (failure is RpcException or RepositoryException)
            {
                // Not reported here: the next call of the work meets it too, and there it counts.
            }
        }
    }
}
