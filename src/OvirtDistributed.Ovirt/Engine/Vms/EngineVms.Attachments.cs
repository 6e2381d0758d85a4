// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

public sealed partial class EngineVms
{
    /// <summary>The VM's disks, each with the disk itself.</summary>
    public Task<IReadOnlyList<DiskAttachment>> ListAttachmentsAsync(VmId vm, CancellationToken cancellationToken) =>
        ListAttachmentsAsync($"vms/{vm}/diskattachments", cancellationToken);

    /// <summary>The template's disks, each with the disk itself.</summary>
    public Task<IReadOnlyList<DiskAttachment>> ListAttachmentsAsync(TemplateId template, CancellationToken cancellationToken) =>
        ListAttachmentsAsync($"templates/{template}/diskattachments", cancellationToken);

    private async Task<IReadOnlyList<DiskAttachment>> ListAttachmentsAsync(string collection, CancellationToken cancellationToken)
    {
        var path = EngineQuery.With(collection, ("follow", "disk"));
        var listed = await _http.ListAsync(path, EngineJson.Default.WireListDiskAttachmentDto, VmMapping.ToAttachment, cancellationToken);
        var result = new List<DiskAttachment>(listed.Count);
        foreach (var attachment in listed)
        {
            result.Add(attachment.Disk is not null
                ? attachment
                : attachment with
                {
                    Disk = await _http.FindAsync($"disks/{attachment.DiskId}", EngineJson.Default.DiskDto, Disks.DiskMapping.ToDisk, cancellationToken),
                });
        }

        return result;
    }

    /// <summary>One attachment; null when the disk is not attached to this VM.</summary>
    public Task<DiskAttachment?> FindAttachmentAsync(VmId vm, DiskId disk, CancellationToken cancellationToken) =>
        _http.FindAsync($"vms/{vm}/diskattachments/{disk}", EngineJson.Default.DiskAttachmentDto, VmMapping.ToAttachment, cancellationToken);

    public Task<DiskAttachment> AttachDiskAsync(VmId vm, AttachDisk request, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(
            EngineRequest.Post($"vms/{vm}/diskattachments", request.ToBody(), correlation),
            EngineJson.Default.DiskAttachmentDto,
            VmMapping.ToAttachment,
            cancellationToken);

    public async Task UpdateAttachmentAsync(VmId vm, DiskId disk, UpdateAttachment change, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Put($"vms/{vm}/diskattachments/{disk}", change.ToBody(), correlation), cancellationToken);

    /// <summary>Detaches a disk and keeps it. Idempotent. Engines built after April 2026 drop the disk's checkpoints with it.</summary>
    public async Task DetachDiskAsync(VmId vm, DiskId disk, CorrelationId correlation, CancellationToken cancellationToken)
    {
        // Said in so many words, because the other value deletes the disk.
        var path = EngineQuery.With($"vms/{vm}/diskattachments/{disk}", ("detach_only", "true"));
        await _http.SendAsync(EngineRequest.Delete(path, correlation), cancellationToken);
    }

    /// <summary>Attaches a disk as it was in a snapshot of its own VM, and plugs it: on a running VM the disk is there when the call returns.</summary>
    /// <remarks>
    /// The engine does not tell of which snapshot an attached disk is. So one that is attached already is a refusal (<see cref="OvirtError.Conflict"/>), and
    /// when the answer is lost, what may have come of it is detached before the disk is attached anew.
    /// </remarks>
    public async Task<DiskAttachment> AttachSnapshotDiskAsync(
        VmId vm, DiskId disk, SnapshotId snapshot, bool readOnly, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var request = new AttachDisk
        {
            Disk = disk,
            Snapshot = snapshot,
            Active = true,
            Bootable = false,
            PassDiscard = false,
            ReadOnly = readOnly ? true : null,
            Interface = DiskInterface.VirtioScsi,
        };
        try
        {
            return await AttachDiskAsync(vm, request, correlation, cancellationToken);
        }
        catch (OvirtException e) when (e.MayHaveBeenCarriedOut)
        {
            await DetachDiskAsync(vm, disk, correlation, cancellationToken);
            return await AttachDiskAsync(vm, request, correlation, cancellationToken);
        }
    }

    /// <summary>Plugs or unplugs an attached disk; on a running VM that is a hot plug. Idempotent.</summary>
    /// <returns>False when the disk is not attached to this VM.</returns>
    public async Task<bool> SetActiveAsync(VmId vm, DiskId disk, bool active, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var request = EngineRequest.Put($"vms/{vm}/diskattachments/{disk}", new UpdateAttachment { Active = active }.ToBody(), correlation);
        return await _http.SendAsync(request with { MissingIsExpected = true }, cancellationToken) is not null;
    }

    /// <summary>Unplugs a disk, waits until the guest has let it go, and detaches it; it is never deleted. Idempotent: a disk that is not attached is fine.</summary>
    /// <exception cref="OvirtException">Still plugged after <see cref="EngineTimeouts.VmStatus"/> (<see cref="OvirtError.Timeout"/>), or refused.</exception>
    public async Task ReleaseDiskAsync(VmId vm, DiskId disk, CorrelationId correlation, CancellationToken cancellationToken)
    {
        if (!await SetActiveAsync(vm, disk, active: false, correlation, cancellationToken))
        {
            return;
        }

        _ = await _poll.UntilAsync(
            $"disk {disk} to be unplugged from VM {vm}",
            _poll.Timeouts.VmStatus,
            async token => await FindAttachmentAsync(vm, disk, token) is { Active: true } ? PollResult<bool>.Waiting("plugged") : PollResult<bool>.Finished(true),
            cancellationToken);
        await DetachDiskAsync(vm, disk, correlation, cancellationToken);
    }
}
