// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Hosting;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>The stop of the process, as calls see it: no new work, and running streams end in order with what they have made durable.</summary>
internal sealed class Draining(IHostApplicationLifetime lifetime)
{
    public CancellationToken Token => lifetime.ApplicationStopping;

    /// <exception cref="OperatorException">The Data Mover is stopping.</exception>
    public void ThrowIfDraining()
    {
        if (Token.IsCancellationRequested)
        {
            throw Failure();
        }
    }

    public static OperatorException Failure() => new(
        FailureKind.Unavailable, "The Data Mover is stopping: what was acknowledged is durable; open a new session when it is back.")
    {
        Reason = FailureReasons.Draining,
    };
}
