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

    /// <summary>By VM: what is attached besides its own disks.</summary>
    public Dictionary<Guid, List<FakeAttachment>> Attachments { get; } = [];

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
    {
        _frozenAtSnapshot.Add(IsFrozen(start.VmId));
        return Snapshots.GetValueOrDefault(start.VmId, []).Any(snapshot => snapshot.Locked)
            ? throw new EngineException(EngineFailure.Locked, "The VM is performing an operation on a Snapshot.")
            : TakeSnapshot(start.VmId, start.Description).Id;
    });

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

    /// <summary>Files that were asked for, in this order.</summary>
    public List<EngineVolumeFile> FilesAsked { get; } = [];

    /// <summary>By VM: disks of its template.</summary>
    public Dictionary<Guid, EngineVolumeFile> TemplateFiles { get; } = [];

    public Task<IReadOnlyList<EngineVolumeFile>> ListVolumeFilesAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineVolumeFile>>(nameof(ListVolumeFilesAsync), () =>
            [
                .. Snapshots.GetValueOrDefault(vmId, []).Select(snapshot => new EngineVolumeFile(_layers[snapshot.Id][diskId], diskId, "cow", OnTemplate: false)),
                .. TemplateFiles.Where(pair => pair.Key == vmId).Select(pair => pair.Value),
            ]);

    /// <summary>Disk id → its layers.</summary>
    public Dictionary<Guid, IReadOnlyList<EngineVolume>> Volumes { get; } = [];

    public Task<IReadOnlyList<EngineHost>> ListHostsAsync(CancellationToken cancellationToken) => CallAsync(nameof(ListHostsAsync), () => Inventory.Hosts);

    public Task<IReadOnlyList<EngineVolume>> ListVolumesAsync(Guid diskId, CancellationToken cancellationToken) =>
        CallAsync(nameof(ListVolumesAsync), () => Volumes.GetValueOrDefault(diskId, []));

    public Task<string> ReadSnapshotOvfAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken) =>
        CallAsync(nameof(ReadSnapshotOvfAsync), () => $"""
            <Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><References/><Content><Name>{Vms[vmId].Name}</Name>
            <Section xsi:type="ovf:VirtualHardwareSection_Type"><Info>Hardware</Info></Section></Content></Envelope>
            """);

    public Task DeleteSnapshotAsync(Guid vmId, Guid snapshotId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(DeleteSnapshotAsync), () =>
    {
        var index = Snapshots.GetValueOrDefault(vmId, []).FindIndex(snapshot => snapshot.Id == snapshotId);
        if (index < 0)
        {
            return false;
        }

        if (Attachments.Values.Any(all => all.Exists(attachment => attachment.SnapshotId == snapshotId)))
        {
            throw new EngineException(EngineFailure.Locked, "The following VM's disks snapshots are attached to other VMs.");
        }

        if (Snapshots[vmId][index].Locked || Transfers.Values.Any(transfer => !transfer.IsEnded && _layers[snapshotId].ContainsKey(transfer.DiskId)))
        {
            throw new EngineException(EngineFailure.Locked, "The disk is being transferred.");
        }

        Snapshots[vmId][index] = Snapshots[vmId][index] with { Locked = true };
        return _dying.Add(snapshotId);
    });

    public Task<IReadOnlyList<EngineAttachment>> ListAttachmentsAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineAttachment>>(nameof(ListAttachmentsAsync), () =>
            [
                .. Vms[vmId].Disks.Select(disk => new EngineAttachment(disk.Id, disk.Active)),
                .. Attachments.GetValueOrDefault(vmId, []).Select(attachment => new EngineAttachment(attachment.DiskId, attachment.Active)),
            ]);

    public Task AttachToWorkerAsync(Guid vmId, Guid diskId, Guid? snapshotId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(AttachToWorkerAsync), () =>
        {
            Attachments.TryAdd(vmId, []);
            if (Attachments[vmId].Exists(attachment => attachment.DiskId == diskId))
            {
                throw new EngineException(EngineFailure.Refused, "The disk is already attached to VM.");
            }

            if (snapshotId is { } snapshot && !Snapshots.Values.Any(all => all.Exists(each => each.Id == snapshot && !each.Locked)))
            {
                throw new EngineException(EngineFailure.Refused, "Disk's snapshot is not in status OK.");
            }

            Attachments[vmId].Add(new FakeAttachment(diskId, snapshotId, Active: true));
            return true;
        });

    public Task UnplugDiskAsync(Guid vmId, Guid diskId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(UnplugDiskAsync), () =>
    {
        Vms[vmId] = Vms[vmId] with { Disks = [.. Vms[vmId].Disks.Select(disk => disk.Id == diskId ? disk with { Active = false } : disk)] };
        var index = Attachments.GetValueOrDefault(vmId, []).FindIndex(attachment => attachment.DiskId == diskId);
        return index >= 0 && (Attachments[vmId][index] = Attachments[vmId][index] with { Active = false }) is not null;
    });

    public Task DetachDiskAsync(Guid vmId, Guid diskId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(DetachDiskAsync), () =>
    {
        // A disk of the VM itself goes on as a disk of nobody.
        foreach (var own in Vms[vmId].Disks.Where(disk => disk.Id == diskId))
        {
            Disks[diskId] = own;
        }

        Vms[vmId] = Vms[vmId] with { Disks = [.. Vms[vmId].Disks.Where(disk => disk.Id != diskId)] };
        return Attachments.GetValueOrDefault(vmId, []).RemoveAll(attachment => attachment.DiskId == diskId);
    });

    /// <summary>One look later a new snapshot is there and a deleted one is merged.</summary>
    private void Settle(Guid vmId)
    {
        if (!HoldSnapshots && Snapshots.TryGetValue(vmId, out var all))
        {
            all.RemoveAll(snapshot => _dying.Contains(snapshot.Id));
            Snapshots[vmId] = [.. all.Select(snapshot => snapshot with { Locked = false })];
        }
    }

    internal sealed record FakeAttachment(Guid DiskId, Guid? SnapshotId, bool Active);
}
