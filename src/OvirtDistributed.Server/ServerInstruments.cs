// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace OvirtDistributed.Server;

/// <summary>Metrics of the backup server.</summary>
internal sealed class ServerInstruments : IDisposable
{
    public const string MeterName = "OvirtDistributed.Server";

    /// <summary>Spans of the backup server.</summary>
    public static readonly ActivitySource Source = new("OvirtDistributed.Server");

    private readonly Meter _meter;
    private readonly Counter<long> _jobsEnded;
    private readonly Histogram<double> _jobDuration;
    private readonly Counter<long> _offersPublished;
    private readonly Counter<long> _offersFailed;
    private readonly Counter<long> _leasesGranted;
    private readonly Counter<long> _attemptsEnded;
    private readonly Counter<long> _leftovers;
    private readonly Histogram<double> _stepDuration;
    private long _running;

    public ServerInstruments(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _jobsEnded = _meter.CreateCounter<long>("ovd.jobs.ended", "{job}", "Jobs that ended, by kind and outcome.");
        _jobDuration = _meter.CreateHistogram<double>("ovd.job.duration", "s", "From creation to end of a job, by kind and outcome.");
        _offersPublished = _meter.CreateCounter<long>("ovd.offers.published", "{offer}", "Offers that reached a queue.");
        _offersFailed = _meter.CreateCounter<long>("ovd.offers.failed", "{offer}", "Publishes that reached no queue; they are repeated.");
        _leasesGranted = _meter.CreateCounter<long>("ovd.leases.granted", "{lease}", "Leases taken by workers.");
        _attemptsEnded = _meter.CreateCounter<long>("ovd.attempts.ended", "{attempt}", "Attempts at tasks that ended, by result.");
        _leftovers = _meter.CreateCounter<long>("ovd.leftovers.removed", "{object}", "Things on an engine that the reconciler removed, by kind.");
        _stepDuration = _meter.CreateHistogram<double>("ovd.job.step.duration", "s", "Time a job spent in a step, by kind and step.");
        _meter.CreateObservableGauge("ovd.jobs.running", () => Interlocked.Read(ref _running), "{job}", "Jobs that have not ended.");
    }

    public void OnRunningJobs(long count) => Interlocked.Exchange(ref _running, count);

    public void OnJobEnded(string kind, string outcome, TimeSpan duration)
    {
        _jobsEnded.Add(1, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("outcome", outcome));
        _jobDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("outcome", outcome));
    }

    public void OnStepLeft(string kind, string step, TimeSpan duration) =>
        _stepDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("step", step));

    public void OnOfferPublished() => _offersPublished.Add(1);

    public void OnOfferFailed() => _offersFailed.Add(1);

    public void OnLeaseGranted() => _leasesGranted.Add(1);

    public void OnAttemptEnded(string result) => _attemptsEnded.Add(1, new KeyValuePair<string, object?>("result", result));

    public void OnLeftoverRemoved(string kind) => _leftovers.Add(1, new KeyValuePair<string, object?>("kind", kind));

    public void Dispose() => _meter.Dispose();
}
