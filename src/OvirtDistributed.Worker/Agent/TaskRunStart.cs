// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Agent;

/// <summary>A lease that was just granted.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Granted">The server's answer.</param>
/// <param name="SentTimestamp">When the request was sent: the lease counts from then.</param>
internal sealed record TaskRunStart(string TaskId, int Attempt, AcquireLeaseResponse Granted, long SentTimestamp);
