// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>What a step answers: an event for the state machine, or how long to wait before it is called again.</summary>
internal readonly record struct StepResult(JobEvent? Event, TimeSpan Wait, string? Reason)
{
    /// <summary>What the job's log says beside the event, above all that there was nothing to do.</summary>
    public string? Remark { get; init; }

    public static StepResult Next(JobEvent jobEvent, string? remark = null) => new(jobEvent, TimeSpan.Zero, null) { Remark = remark };

    /// <summary>Look again later; not a failure.</summary>
    public static StepResult WaitFor(TimeSpan pause) => new(null, pause, null);

    /// <summary>The job cannot go on; the reason is for the operator.</summary>
    public static StepResult Fail(string reason) => new(JobEvent.StepFailed, TimeSpan.Zero, reason);
}
