// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Diagnostics.Metrics;
using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Telemetry;

/// <summary>Metrics of the worker. Names and labels are an interface: dashboards are written against them.</summary>
internal static class WorkerInstruments
{
    private static readonly Meter Meter = new(WorkerDiagnostics.SourceName);

    private static readonly UpDownCounter<int> Running =
        Meter.CreateUpDownCounter<int>("ovd.worker.attempts.running", "{attempt}", "Attempts being worked on.");

    private static readonly Counter<long> Ended =
        Meter.CreateCounter<long>("ovd.worker.attempts.ended", "{attempt}", "Attempts that ended, by kind and outcome.");

    private static readonly Histogram<double> Duration =
        Meter.CreateHistogram<double>("ovd.worker.attempt.duration", "s", "Time from lease to outcome.");

    private static readonly Counter<long> Bytes =
        Meter.CreateCounter<long>("ovd.worker.bytes", "By", "Bytes moved, by what happened to them.");

    private static readonly Counter<double> StageSeconds =
        Meter.CreateCounter<double>("ovd.worker.stage.time", "s", "Time of the pipeline's stages, busy or waiting.");

    private static readonly Counter<long> Offers =
        Meter.CreateCounter<long>("ovd.worker.offers", "{offer}", "Task offers received, by what became of them.");

    public static void AttemptStarted(string worker) => Running.Add(1, new KeyValuePair<string, object?>("worker", worker));

    public static void AttemptEnded(string worker, string kind, string outcome, TimeSpan duration, TransferStatistics statistics)
    {
        Running.Add(-1, new KeyValuePair<string, object?>("worker", worker));
        var tags = new TagList { { "worker", worker }, { "kind", kind }, { "outcome", outcome } };
        Ended.Add(1, tags);
        Duration.Record(duration.TotalSeconds, tags);
        Count(worker, "read", statistics.ReadBytes);
        Count(worker, "zero", statistics.ZeroBytes);
        Count(worker, "deduplicated", statistics.DeduplicatedBytes);
        Count(worker, "sent", statistics.SentBytes);
        Count(worker, "written", statistics.WrittenBytes);
        Count(worker, "resumed", statistics.ResumedBytes);
        Count(worker, "rewritten", statistics.RewrittenBytes);
        foreach (var stage in statistics.Stages)
        {
            StageSeconds.Add(stage.Busy.ToTimeSpan().TotalSeconds, new TagList { { "worker", worker }, { "stage", stage.Stage }, { "state", "busy" } });
            StageSeconds.Add(stage.Waiting.ToTimeSpan().TotalSeconds, new TagList { { "worker", worker }, { "stage", stage.Stage }, { "state", "waiting" } });
        }
    }

    public static void OfferReceived(string worker, string fate) => Offers.Add(1, new TagList { { "worker", worker }, { "fate", fate } });

    private static void Count(string worker, string what, long bytes) => Bytes.Add(bytes, new TagList { { "worker", worker }, { "what", what } });
}
