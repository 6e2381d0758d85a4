// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Tests.Server.Support;

internal sealed partial class FakeEngine
{
    private readonly Dictionary<Guid, Dictionary<Guid, Guid>> _layers = [];
    private readonly HashSet<Guid> _dying = [];

    /// <summary>By VM, oldest first.</summary>
    public Dictionary<Guid, List<EngineSnapshot>> Snapshots { get; } = [];

    /// <summary>Layers that were asked for, in this order.</summary>
    public List<EngineLayer> LayersAsked { get; } = [];

    /// <summary>A snapshot of somebody else's.</summary>
    public EngineSnapshot TakeSnapshot(Guid vmId, string description)
    {
        var snapshot = new EngineSnapshot(Guid.NewGuid(), description, Locked: true, Regular: true, NextMoment());
        Snapshots.TryAdd(vmId, []);
        Snapshots[vmId].Add(snapshot);
        _layers[snapshot.Id] = Vms[vmId].Disks.ToDictionary(disk => disk.Id, _ => Guid.NewGuid());
        return snapshot;
    }

    public Task<Guid> CreateSnapshotAsync(EngineSnapshotStart start, CancellationToken cancellationToken) => CallAsync(nameof(CreateSnapshotAsync), () =>
        Snapshots.GetValueOrDefault(start.VmId, []).Any(snapshot => snapshot.Locked)
            ? throw new EngineException(EngineFailure.Locked, "The VM is performing an operation on a Snapshot.")
            : TakeSnapshot(start.VmId, start.Description).Id);

    public Task<EngineSnapshot?> FindSnapshotAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken) => CallAsync(nameof(FindSnapshotAsync), () =>
    {
        var seen = Snapshots.GetValueOrDefault(vmId, []).FirstOrDefault(snapshot => snapshot.Id == snapshotId);
        Settle(vmId);
        return seen;
    });

    public Task<IReadOnlyList<EngineSnapshot>> ListSnapshotsAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineSnapshot>>(nameof(ListSnapshotsAsync), () =>
        {
            var seen = Snapshots.GetValueOrDefault(vmId, []).ToList();
            Settle(vmId);
            return seen;
        });

    public Task<IReadOnlyDictionary<Guid, Guid>> ListSnapshotLayersAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyDictionary<Guid, Guid>>(nameof(ListSnapshotLayersAsync), () => _layers[snapshotId]);

    public Task<string> ReadSnapshotOvfAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken) =>
        CallAsync(nameof(ReadSnapshotOvfAsync), () => $"<Envelope><Content><Name>{Vms[vmId].Name}</Name></Content></Envelope>");

    public Task DeleteSnapshotAsync(Guid vmId, Guid snapshotId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(DeleteSnapshotAsync), () =>
    {
        var index = Snapshots.GetValueOrDefault(vmId, []).FindIndex(snapshot => snapshot.Id == snapshotId);
        if (index < 0)
        {
            return false;
        }

        if (Snapshots[vmId][index].Locked || Transfers.Values.Any(transfer => !transfer.IsEnded && _layers[snapshotId].ContainsKey(transfer.DiskId)))
        {
            throw new EngineException(EngineFailure.Locked, "The disk is being transferred.");
        }

        Snapshots[vmId][index] = Snapshots[vmId][index] with { Locked = true };
        return _dying.Add(snapshotId);
    });

    /// <summary>One look later a new snapshot is there and a deleted one is merged.</summary>
    private void Settle(Guid vmId)
    {
        if (Snapshots.TryGetValue(vmId, out var all))
        {
            all.RemoveAll(snapshot => _dying.Contains(snapshot.Id));
            Snapshots[vmId] = [.. all.Select(snapshot => snapshot with { Locked = false })];
        }
    }
}
