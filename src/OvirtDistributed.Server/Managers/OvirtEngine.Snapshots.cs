// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Snapshots;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Server.Managers;

internal sealed partial class OvirtEngine
{
    public Task<Guid> CreateSnapshotAsync(EngineSnapshotStart start, CancellationToken cancellationToken) => CallAsync(async () =>
    {
        var snapshot = await client.Snapshots.CreateAsync(
            new VmId(start.VmId),
            new CreateSnapshot { Description = start.Description, Disks = [.. start.Disks.Select(disk => new DiskId(disk))] },
            new CorrelationId(start.CorrelationId),
            cancellationToken);
        return snapshot.Id.Value;
    });

    public Task<EngineSnapshot?> FindSnapshotAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken) => CallAsync(async () =>
        await client.Snapshots.FindAsync(new VmId(vmId), new SnapshotId(snapshotId), cancellationToken) is { } found ? ToSnapshot(found) : null);

    public Task<IReadOnlyList<EngineSnapshot>> ListSnapshotsAsync(Guid vmId, CancellationToken cancellationToken) => CallAsync<IReadOnlyList<EngineSnapshot>>(
        async () =>
            [.. (await client.Snapshots.ListAsync(new VmId(vmId), cancellationToken)).Select(ToSnapshot).Where(found => found.Regular).OrderBy(found => found.Created)],
        gone: []);

    public Task<IReadOnlyDictionary<Guid, Guid>> ListSnapshotLayersAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyDictionary<Guid, Guid>>(async () =>
            (await client.Snapshots.ListDisksAsync(new VmId(vmId), new SnapshotId(snapshotId), cancellationToken))
                .Where(disk => disk.Image is not null)
                .ToDictionary(disk => disk.Id.Value, disk => disk.Image!.Value.Value));

    public Task<IReadOnlyList<EngineVolumeFile>> ListVolumeFilesAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineVolumeFile>>(async () =>
        {
            var vm = new VmId(vmId);
            var files = new List<EngineVolumeFile>();
            foreach (var snapshot in (await client.Snapshots.ListAsync(vm, cancellationToken)).Where(found => found.Type == SnapshotType.Regular))
            {
                var disks = await client.Snapshots.ListDisksAsync(vm, snapshot.Id, cancellationToken);
                files.AddRange(disks.Where(disk => disk.Id.Value == diskId && disk.Image is not null).Select(disk => FileOf(disk, onTemplate: false)));
            }

            if (await client.Vms.FindAsync(vm, cancellationToken) is { Template: { } template })
            {
                var attached = await client.Vms.ListAttachmentsAsync(template, cancellationToken);
                files.AddRange(attached.Select(attachment => attachment.Disk).OfType<Disk>().Where(disk => disk.Image is not null).Select(disk => FileOf(disk, onTemplate: true)));
            }

            return files;
        });

    private static EngineVolumeFile FileOf(Disk disk, bool onTemplate) => new(disk.Image!.Value.Value, disk.Id.Value, FormatOf(disk.Format), onTemplate);

    public Task<string> ReadSnapshotOvfAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Snapshots.GetOvfAsync(new VmId(vmId), new SnapshotId(snapshotId), cancellationToken));

    public Task DeleteSnapshotAsync(Guid vmId, Guid snapshotId, Guid correlationId, CancellationToken cancellationToken) => CallUnlessGoneAsync(() =>
        client.Snapshots.DeleteAsync(new VmId(vmId), new SnapshotId(snapshotId), new CorrelationId(correlationId), cancellationToken));

    public Task<IReadOnlyList<EngineHost>> ListHostsAsync(CancellationToken cancellationToken) => CallAsync<IReadOnlyList<EngineHost>>(async () =>
        [.. (await client.Inventory.ListHostsAsync(null, cancellationToken).ToListAsync(cancellationToken)).Select(ToHost)]);

    public async Task<IReadOnlyList<EngineVolume>> ListVolumesAsync(Guid diskId, CancellationToken cancellationToken)
    {
        var disk = await CallAsync(() => client.Disks.FindAsync(new DiskId(diskId), cancellationToken))
            ?? throw new EngineException(EngineFailure.NotFound, $"The manager has no disk {diskId} (any more).");
        var own = disk.StorageDomains.Count > 0 ? disk.StorageDomains[0].Value : Guid.Empty;
        var layers = await CallAsync(() => client.Disks.ListLayersAsync(disk.Id, cancellationToken), gone: []);
        if (layers.Count == 0 && disk.Image is { } active)
        {
            return [new EngineVolume(active.Value, diskId, null, FormatOf(disk.Format), own)];
        }

        // A template's layers are reached through the disk that stands on them.
        return [.. layers.Select(layer => new EngineVolume(layer.Id.Value, diskId, layer.Parent?.Value, FormatOf(layer.Format), layer.StorageDomain?.Value ?? own))];
    }

    private static string FormatOf(DiskFormat format) => format == DiskFormat.Raw ? "raw" : "cow";

    private static EngineSnapshot ToSnapshot(Snapshot snapshot) => new(
        snapshot.Id.Value, snapshot.Description, snapshot.Status != SnapshotStatus.Ok, snapshot.Type == SnapshotType.Regular, snapshot.Time?.ToUniversalTime());
}
