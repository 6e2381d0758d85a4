// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.Metrics;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Telemetry;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>Figures of each repository, read when metrics are collected.</summary>
internal sealed class RepositoryGauges
{
    private readonly RepositoryRoster _roster;

    public RepositoryGauges(RepositoryRoster roster, MoverInstruments instruments)
    {
        _roster = roster;
        var meter = instruments.Meter;
        meter.CreateObservableGauge("ovd.repository.ready", Ready, null, "1 while the repository can be used.");
        meter.CreateObservableGauge("ovd.repository.points", () => Read(figures => figures.Points), "{point}", "Restore points.");
        meter.CreateObservableGauge("ovd.repository.stored", () => Read(figures => figures.PackBytes), "By", "Bytes of pack files.");
        meter.CreateObservableGauge("ovd.repository.unique", () => Read(figures => figures.PlainBytes), "By", "Unique bytes before compression.");
        meter.CreateObservableGauge("ovd.repository.free", () => Read(figures => figures.FreeBytes ?? 0), "By", "Free bytes of the storage.");
        meter.CreateObservableGauge("ovd.repository.damaged", () => Read(figures => figures.DamagedFrames), "{frame}", "Stored frames known to be damaged.");
        meter.CreateObservableGauge("ovd.repository.damaged_packs", () => Read(figures => figures.DamagedPacks), "{pack}", "Packs known to have lost their end, or all of them.");
    }

    private IEnumerable<Measurement<int>> Ready() => _roster.All.Select(repository =>
        new Measurement<int>(repository.State == RepositoryState.Ready ? 1 : 0, MoverInstruments.Tag(repository.Name)));

    private IEnumerable<Measurement<long>> Read(Func<Repository.Store.RepositoryStatistics, long> figure)
    {
        foreach (var repository in _roster.All)
        {
            if (repository.Store is { } store)
            {
                yield return new Measurement<long>(figure(store.GetStatistics()), MoverInstruments.Tag(repository.Name));
            }
        }
    }
}
