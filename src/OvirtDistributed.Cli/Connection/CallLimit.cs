// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;

namespace OvirtDistributed.Cli.Connection;

/// <summary>Options of a call that must answer within a time.</summary>
internal static class CallLimit
{
    // The channel compares a deadline with the system clock, so it is written in that clock's time and no other's.
    public static CallOptions Of(TimeSpan limit, CancellationToken cancellationToken) =>
        new(deadline: (TimeProvider.System.GetUtcNow() + limit).UtcDateTime, cancellationToken: cancellationToken);
}
