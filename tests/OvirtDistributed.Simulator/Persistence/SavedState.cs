// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;

namespace OvirtDistributed.Simulator.Persistence;

/// <summary>What the engine knows, as it lies in the data directory beside the disks. Jobs, sessions and image transfers end with the process.</summary>
internal sealed record SavedState
{
    public const int CurrentVersion = 1;

    public required int Version { get; init; }

    public required IReadOnlyList<DataCenter> DataCenters { get; init; }

    public required IReadOnlyList<Cluster> Clusters { get; init; }

    public required IReadOnlyList<EngineHost> Hosts { get; init; }

    public required IReadOnlyList<StorageDomain> StorageDomains { get; init; }

    public required IReadOnlyList<DiskProfile> DiskProfiles { get; init; }

    public required IReadOnlyList<Network> Networks { get; init; }

    public required IReadOnlyList<VnicProfile> VnicProfiles { get; init; }

    public required IReadOnlyList<MacPool> MacPools { get; init; }

    public required IReadOnlyList<Template> Templates { get; init; }

    public required IReadOnlyList<Tag> Tags { get; init; }

    public required IReadOnlyList<AffinityGroup> AffinityGroups { get; init; }

    /// <summary>Missing in what earlier versions saved.</summary>
    public IReadOnlyList<AffinityLabel> AffinityLabels { get; init; } = [];

    public required IReadOnlyList<Vm> Vms { get; init; }

    public required IReadOnlyList<Disk> Disks { get; init; }

    public required IReadOnlyList<EngineEvent> Events { get; init; }

    /// <summary>Disks whose upload was not over: what they hold is not complete.</summary>
    public required IReadOnlyList<Guid> OpenUploads { get; init; }

    /// <summary>Call with the gate held.</summary>
    public static SavedState Of(EngineState state) => new()
    {
        Version = CurrentVersion,
        DataCenters = [.. state.DataCenters.Values],
        Clusters = [.. state.Clusters.Values],
        Hosts = [.. state.Hosts.Values],
        StorageDomains = [.. state.StorageDomains.Values],
        DiskProfiles = [.. state.DiskProfiles.Values],
        Networks = [.. state.Networks.Values],
        VnicProfiles = [.. state.VnicProfiles.Values],
        MacPools = [.. state.MacPools.Values],
        Templates = [.. state.Templates.Values],
        Tags = [.. state.Tags.Values],
        AffinityGroups = [.. state.AffinityGroups.Values],
        AffinityLabels = [.. state.AffinityLabels.Values],
        Vms = [.. state.Vms.Values],
        Disks = [.. state.Disks.Values],
        Events = [.. state.Events],
        OpenUploads = [.. state.Transfers.Values.Where(t => t.Upload && !t.Finished).Select(t => t.DiskId)],
    };

    public void Fill(EngineState state)
    {
        Fill(state.DataCenters, DataCenters);
        Fill(state.Clusters, Clusters);
        Fill(state.Hosts, Hosts);
        Fill(state.StorageDomains, StorageDomains);
        Fill(state.DiskProfiles, DiskProfiles);
        Fill(state.Networks, Networks);
        Fill(state.VnicProfiles, VnicProfiles);
        Fill(state.MacPools, MacPools);
        Fill(state.Templates, Templates);
        Fill(state.Tags, Tags);
        Fill(state.AffinityGroups, AffinityGroups);
        Fill(state.AffinityLabels, AffinityLabels);
        Fill(state.Vms, Vms);
        Fill(state.Disks, Disks);
        state.Events.AddRange(Events);
    }

    private static void Fill<T>(OrderedDictionary<Guid, T> target, IReadOnlyList<T> saved)
        where T : Entity
    {
        foreach (var entity in saved)
        {
            target.Add(entity.Id, entity);
        }
    }
}
