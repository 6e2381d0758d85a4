// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;

namespace OvirtDistributed.Cli.Connection;

/// <summary>
/// Repeats a call whose answer was lost on the way. Only for requests that carry a request id: the server answers the repetition
/// with what the first one started. A server that could not be reached at all is reported at once.
/// </summary>
internal static class RepeatedCall
{
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(6)];

    public static async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> call, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return await call(cancellationToken);
            }
            catch (RpcException lost) when (IsLostAnswer(lost, attempt) && attempt < Pauses.Length)
            {
                await Task.Delay(Pauses[attempt], time, cancellationToken);
            }
        }
    }

    // Once a request has been sent, a refused connection later only means that the server is restarting.
    private static bool IsLostAnswer(RpcException failure, int attempt) =>
        failure.Status.DebugException is not null
        && TransportFailure.IsConnectionLoss(failure)
        && (attempt > 0 || !TransportFailure.NeverConnected(failure));
}
