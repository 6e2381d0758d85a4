// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine.Entities;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>
/// Everything the engine knows. It is read and changed only while <see cref="Gate"/> is held: by a request for its whole duration,
/// by background work for each change of state, never while that work waits for storage.
/// </summary>
internal sealed class EngineState : IDisposable
{
    public static readonly Guid BlankTemplateId = Guid.Empty;

    public SemaphoreSlim Gate { get; } = new(1, 1);

    public OrderedDictionary<Guid, DataCenter> DataCenters { get; } = [];

    public OrderedDictionary<Guid, Cluster> Clusters { get; } = [];

    public OrderedDictionary<Guid, EngineHost> Hosts { get; } = [];

    public OrderedDictionary<Guid, StorageDomain> StorageDomains { get; } = [];

    public OrderedDictionary<Guid, DiskProfile> DiskProfiles { get; } = [];

    public OrderedDictionary<Guid, Network> Networks { get; } = [];

    public OrderedDictionary<Guid, VnicProfile> VnicProfiles { get; } = [];

    public OrderedDictionary<Guid, MacPool> MacPools { get; } = [];

    public OrderedDictionary<Guid, Template> Templates { get; } = [];

    public OrderedDictionary<Guid, Tag> Tags { get; } = [];

    public OrderedDictionary<Guid, AffinityGroup> AffinityGroups { get; } = [];

    public OrderedDictionary<Guid, AffinityLabel> AffinityLabels { get; } = [];

    public OrderedDictionary<Guid, Vm> Vms { get; } = [];

    public OrderedDictionary<Guid, Disk> Disks { get; } = [];

    public OrderedDictionary<Guid, ImageTransfer> Transfers { get; } = [];

    public OrderedDictionary<Guid, EngineJob> Jobs { get; } = [];

    /// <summary>Oldest first.</summary>
    public List<EngineEvent> Events { get; } = [];

    /// <summary>The VMs a disk is attached to as itself (not as a snapshot).</summary>
    public IEnumerable<(Vm Vm, DiskAttachment Attachment)> AttachmentsOf(Guid diskId) =>
        from vm in Vms.Values
        from attachment in vm.Attachments
        where attachment.DiskId == diskId && attachment.SnapshotId is null
        select (vm, attachment);

    public IEnumerable<ImageTransfer> OpenTransfersOf(Guid diskId) =>
        Transfers.Values.Where(t => t.DiskId == diskId && !t.Finished);

    public DataCenter? DataCenterOf(Vm vm) =>
        Clusters.TryGetValue(vm.ClusterId, out var cluster) ? DataCenters.GetValueOrDefault(cluster.DataCenterId) : null;

    public Backup? OpenBackupOf(Vm vm) => vm.Backups.Find(b => !b.Ended);

    public void Dispose() => Gate.Dispose();
}
