// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Work of a job that is offered to the workers of a cluster, leased and done by one of them.</summary>
internal abstract class JobTask
{
    public required Guid Id { get; init; }

    public required Guid JobId { get; init; }

    public required Guid ClusterId { get; init; }

    public TaskState State { get; set; } = TaskState.Offered;

    /// <summary>Number of the present attempt, from 1.</summary>
    public int Attempt { get; set; } = 1;

    /// <summary>Attempts that ended by a fault (a worker that shuts down is none).</summary>
    public int Faults { get; set; }

    /// <summary>Of the newest lease; only grows.</summary>
    public long FencingToken { get; set; }

    public string? WorkerId { get; set; }

    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>When the present attempt was last offered, or was last seen to wait in its queue.</summary>
    public DateTimeOffset Offered { get; set; }

    /// <summary>When the present attempt was last written to the outbox.</summary>
    public DateTimeOffset Published { get; set; }

    /// <summary>Sequence of the newest progress report of the present attempt.</summary>
    public long ProgressSequence { get; set; }

    public string Message { get; set; } = "";

    public DateTimeOffset? Started { get; set; }

    public DateTimeOffset? Ended { get; set; }

    public uint Version { get; set; }

    public bool IsEnded => State is TaskState.Done or TaskState.Failed or TaskState.Cancelled;
}
