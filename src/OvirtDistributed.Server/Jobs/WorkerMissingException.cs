// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Nobody would take the job's tasks now. The step waits for a worker, and fails when its patience is over; until then nothing is made on the manager.</summary>
internal sealed class WorkerMissingException(string message) : Exception(message);
