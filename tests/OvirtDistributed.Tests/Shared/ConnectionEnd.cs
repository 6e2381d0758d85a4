// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace OvirtDistributed.Tests.Shared;

/// <summary>Waits, in a server of a test, for the client to go away.</summary>
/// <remarks>
/// The end of the connection itself, not of the request: on a busy machine Kestrel was seen to close a connection without
/// cancelling <see cref="HttpContext.RequestAborted"/> of the request on it.
/// </remarks>
internal static class ConnectionEnd
{
    /// <exception cref="OperationCanceledException">The client closed the connection. There is no other way out.</exception>
    public static Task WaitForClientToCloseAsync(this HttpContext context) =>
        Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.Features.Get<IConnectionLifetimeFeature>()!.ConnectionClosed);
}
