// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;

namespace OvirtDistributed.Worker.Telemetry;

/// <summary>Spans of the worker.</summary>
internal static class WorkerDiagnostics
{
    public const string SourceName = "OvirtDistributed.Worker";

    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>The span of one attempt, under the job's span at the server.</summary>
    public static Activity? StartAttempt(string traceParent, string taskId, int attempt)
    {
        _ = ActivityContext.TryParse(traceParent, null, isRemote: true, out var parent);
        var activity = Source.StartActivity("worker.attempt", ActivityKind.Consumer, parent);
        activity?.SetTag("ovd.task.id", taskId);
        activity?.SetTag("ovd.attempt", attempt);
        return activity;
    }

    public static void Fail(this Activity? activity, string reason) => activity?.SetStatus(ActivityStatusCode.Error, reason);
}
