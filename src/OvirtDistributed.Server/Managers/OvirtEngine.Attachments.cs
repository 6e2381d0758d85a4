// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Server.Managers;

internal sealed partial class OvirtEngine
{
    public Task<IReadOnlyList<EngineAttachment>> ListAttachmentsAsync(Guid vmId, CancellationToken cancellationToken) => CallAsync<IReadOnlyList<EngineAttachment>>(
        async () =>
            [.. (await client.Vms.ListAttachmentsAsync(new VmId(vmId), cancellationToken))
                .Select(attachment => new EngineAttachment(attachment.DiskId.Value, attachment.Active))],
        gone: []);

    public Task AttachToWorkerAsync(Guid vmId, Guid diskId, Guid? snapshotId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Vms.AttachDiskAsync(
            new VmId(vmId),
            new AttachDisk
            {
                Disk = new DiskId(diskId),
                Snapshot = snapshotId is { } snapshot ? new SnapshotId(snapshot) : null,
                Active = true,
                Bootable = false,
                PassDiscard = false,
                Interface = DiskInterface.VirtioScsi,
            },
            new CorrelationId(correlationId),
            cancellationToken));

    public Task AttachDiskAsync(Guid vmId, Guid diskId, EngineDiskSlot slot, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Vms.AttachDiskAsync(
            new VmId(vmId),
            new AttachDisk { Disk = new DiskId(diskId), Active = slot.Active, Bootable = slot.Bootable, Interface = InterfaceOf(slot.Interface) },
            new CorrelationId(correlationId),
            cancellationToken));

    public Task UnplugDiskAsync(Guid vmId, Guid diskId, Guid correlationId, CancellationToken cancellationToken) => CallUnlessGoneAsync(() =>
        client.Vms.UpdateAttachmentAsync(
            new VmId(vmId), new DiskId(diskId), new UpdateAttachment { Active = false }, new CorrelationId(correlationId), cancellationToken));

    public Task DetachDiskAsync(Guid vmId, Guid diskId, Guid correlationId, CancellationToken cancellationToken) => CallUnlessGoneAsync(() =>
        client.Vms.DetachDiskAsync(new VmId(vmId), new DiskId(diskId), new CorrelationId(correlationId), cancellationToken));
}
