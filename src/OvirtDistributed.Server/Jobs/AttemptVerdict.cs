// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>What a worker's failure code means for the next attempt.</summary>
internal readonly record struct AttemptVerdict(bool CostsAttempt, bool Hopeless, bool ReadFull)
{
    /// <param name="failureCode">Name of the code; null when the worker was lost.</param>
    public static AttemptVerdict Of(string? failureCode) => failureCode switch
    {
        "WorkerStopping" => new(CostsAttempt: false, Hopeless: false, ReadFull: false),
        "DirtyExtentsUnavailable" => new(CostsAttempt: true, Hopeless: false, ReadFull: true),
        // Nobody but an operator can change these.
        "RepositoryFull" or "RepositoryDamaged" or "BadOrder" => new(CostsAttempt: true, Hopeless: true, ReadFull: false),
        _ => new(CostsAttempt: true, Hopeless: false, ReadFull: false),
    };
}
