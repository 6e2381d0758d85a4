// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace OvirtDistributed.DataMover.Telemetry;

/// <summary>Metrics of the Data Mover, all tagged with the repository.</summary>
internal sealed class MoverInstruments
{
    private const string RepositoryTag = "repository";

    private readonly Counter<long> _received;
    private readonly Counter<long> _durable;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _asked;
    private readonly Counter<long> _held;
    private readonly Counter<long> _fences;
    private readonly Counter<long> _refusals;
    private readonly Histogram<double> _commits;
    private readonly UpDownCounter<long> _streams;

    public MoverInstruments(IMeterFactory meters)
    {
        Meter = meters.Create(MoverDiagnostics.Name);
        _received = Meter.CreateCounter<long>("ovd.mover.received", "By", "Frame bytes taken from workers.");
        _durable = Meter.CreateCounter<long>("ovd.mover.durable", "By", "Frame bytes acknowledged as durable.");
        _sent = Meter.CreateCounter<long>("ovd.mover.sent", "By", "Frame bytes given to readers.");
        _asked = Meter.CreateCounter<long>("ovd.mover.digests.asked", "{digest}", "Digests workers asked for before sending.");
        _held = Meter.CreateCounter<long>("ovd.mover.digests.held", "{digest}", "Digests among them that the repository held: data that was not sent.");
        _fences = Meter.CreateCounter<long>("ovd.mover.fences", "{fence}", "Fences put up against lost attempts.");
        _refusals = Meter.CreateCounter<long>("ovd.mover.refusals", "{call}", "Sessions and streams refused because a limit was reached.");
        _commits = Meter.CreateHistogram<double>("ovd.mover.commit.duration", "s", "Time of a commit, refused ones included.");
        _streams = Meter.CreateUpDownCounter<long>("ovd.mover.streams", "{stream}", "Running frame streams.");
    }

    /// <summary>For the gauges that others add.</summary>
    public Meter Meter { get; }

    public void Received(string repository, long bytes) => _received.Add(bytes, Tag(repository));

    public void BecameDurable(string repository, long bytes) => _durable.Add(bytes, Tag(repository));

    public void Sent(string repository, long bytes) => _sent.Add(bytes, Tag(repository));

    public void Asked(string repository, int digests, int held)
    {
        _asked.Add(digests, Tag(repository));
        _held.Add(held, Tag(repository));
    }

    public void Fenced(string repository) => _fences.Add(1, Tag(repository));

    public void Refused(string limit) => _refusals.Add(1, new KeyValuePair<string, object?>("limit", limit));

    public void Committed(string repository, TimeSpan took, string outcome) =>
        _commits.Record(took.TotalSeconds, Tag(repository), new KeyValuePair<string, object?>("outcome", outcome));

    public void StreamOpened(string repository, string direction) => AddStream(repository, direction, 1);

    public void StreamClosed(string repository, string direction) => AddStream(repository, direction, -1);

    public static KeyValuePair<string, object?> Tag(string repository) => new(RepositoryTag, repository);

    private void AddStream(string repository, string direction, int change)
    {
        var tags = new TagList { Tag(repository), new("direction", direction) };
        _streams.Add(change, tags);
    }
}
