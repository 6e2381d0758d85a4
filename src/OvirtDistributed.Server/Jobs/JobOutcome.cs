// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

internal enum JobOutcome
{
    Running,
    Succeeded,

    /// <summary>The result is good; something needs attention.</summary>
    Warning,
    Failed,
    Cancelled,
}
