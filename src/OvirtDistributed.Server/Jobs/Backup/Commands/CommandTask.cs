// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>A command of a job, on a worker. There is at most one of each phase.</summary>
internal sealed class CommandTask : JobTask
{
    public required CommandPhase Phase { get; init; }

    /// <summary>Set when it ran to an end, whatever its exit code.</summary>
    public CommandResult? Result { get; set; }
}
