// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>One try at a task that got a lease: kept for the record and for counting.</summary>
internal sealed class Attempt
{
    public required Guid TaskId { get; init; }

    public required int Number { get; init; }

    public required string WorkerId { get; init; }

    public required long FencingToken { get; init; }

    public AttemptState State { get; set; } = AttemptState.Running;

    public required DateTimeOffset Started { get; init; }

    public DateTimeOffset? Ended { get; set; }

    public TaskStatistics Statistics { get; set; } = TaskStatistics.Empty;

    /// <summary>Name of the failure code the worker gave.</summary>
    public string? FailureCode { get; set; }

    public string Message { get; set; } = "";
}

internal enum AttemptState
{
    Running,
    Succeeded,
    Failed,

    /// <summary>The lease ended without a word from the worker.</summary>
    Lost,
}
