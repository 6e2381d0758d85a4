// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Snapshots;

/// <summary>Snapshots of VMs.</summary>
public sealed class EngineSnapshots
{
    private readonly EngineHttp _http;
    private readonly EnginePoll _poll;

    internal EngineSnapshots(EngineHttp http, EnginePoll poll)
    {
        _http = http;
        _poll = poll;
    }

    public Task<IReadOnlyList<Snapshot>> ListAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.ListAsync($"vms/{vm}/snapshots", EngineJson.Default.WireListSnapshotDto, ToSnapshot, cancellationToken);

    /// <summary>Null when there is no such snapshot.</summary>
    public Task<Snapshot?> FindAsync(VmId vm, SnapshotId snapshot, CancellationToken cancellationToken) =>
        _http.FindAsync($"vms/{vm}/snapshots/{snapshot}", EngineJson.Default.SnapshotDto, ToSnapshot, cancellationToken);

    /// <summary>Asks for a snapshot; see <see cref="WaitUntilOkAsync"/>. Not repeated when the answer is lost: look for its description.</summary>
    public Task<Snapshot> CreateAsync(VmId vm, CreateSnapshot request, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(
            EngineRequest.Post($"vms/{vm}/snapshots", request.ToBody(), correlation), EngineJson.Default.SnapshotDto, ToSnapshot, cancellationToken);

    /// <exception cref="OvirtException">The engine took it back (<see cref="OvirtError.SnapshotFailed"/>), or <see cref="OvirtError.Timeout"/>.</exception>
    public Task<Snapshot> WaitUntilOkAsync(VmId vm, SnapshotId snapshot, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"snapshot {snapshot} to become ok",
            _poll.Timeouts.SnapshotOk,
            async token =>
            {
                var found = await FindAsync(vm, snapshot, token)
                    ?? throw new OvirtException(OvirtError.SnapshotFailed, $"Snapshot {snapshot} of VM {vm} was taken back by the manager. See its events 69, 117 and 170.");
                return found.Status == SnapshotStatus.Ok ? PollResult<Snapshot>.Finished(found) : PollResult<Snapshot>.Waiting(found.Status.ToString());
            },
            cancellationToken);

    /// <summary>The disks as they were; <see cref="Disk.Image"/> is the snapshot's layer, the one to download.</summary>
    public Task<IReadOnlyList<Disk>> ListDisksAsync(VmId vm, SnapshotId snapshot, CancellationToken cancellationToken) =>
        _http.ListAsync($"vms/{vm}/snapshots/{snapshot}/disks", EngineJson.Default.WireListDiskDto, DiskMapping.ToDisk, cancellationToken);

    /// <summary>The OVF at the time of the snapshot.</summary>
    public async Task<string> GetOvfAsync(VmId vm, SnapshotId snapshot, CancellationToken cancellationToken)
    {
        var path = EngineQuery.With($"vms/{vm}/snapshots/{snapshot}", ("all_content", "true"));
        var reply = await _http.SendAsync(EngineRequest.Get(path), cancellationToken);
        return reply!.Read(EngineJson.Default.SnapshotDto, dto => dto.Initialization?.Configuration?.Data ?? string.Empty) is { Length: > 0 } ovf
            ? ovf
            : throw new OvirtException(OvirtError.InvalidResponse, $"The manager sent no OVF for snapshot {snapshot} of VM {vm}.");
    }

    /// <summary>Asks to delete a snapshot; see <see cref="WaitUntilGoneAsync"/>. Idempotent. Disks attached to another VM must be detached before.</summary>
    public async Task DeleteAsync(VmId vm, SnapshotId snapshot, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Delete($"vms/{vm}/snapshots/{snapshot}", correlation), cancellationToken);

    /// <summary>Waits until a deleted snapshot is merged and gone.</summary>
    /// <exception cref="OvirtException">The merge failed and the snapshot is ok again (<see cref="OvirtError.SnapshotFailed"/>): delete it later. Or <see cref="OvirtError.Timeout"/>.</exception>
    public Task WaitUntilGoneAsync(VmId vm, SnapshotId snapshot, CancellationToken cancellationToken)
    {
        var wasLocked = false;
        return _poll.UntilAsync(
            $"snapshot {snapshot} to be deleted",
            _poll.Timeouts.SnapshotGone,
            async token =>
            {
                var found = await FindAsync(vm, snapshot, token);
                if (found is null)
                {
                    return PollResult<bool>.Finished(true);
                }

                if (wasLocked && found.Status == SnapshotStatus.Ok)
                {
                    throw new OvirtException(OvirtError.SnapshotFailed, $"The manager could not delete snapshot '{found.Description}' ({snapshot}). See its events 343 to 362.");
                }

                wasLocked |= found.Status == SnapshotStatus.Locked;
                return PollResult<bool>.Waiting(found.Status.ToString());
            },
            cancellationToken);
    }

    private static Snapshot ToSnapshot(SnapshotDto dto) => new(
        WireValue.Id<SnapshotId>(dto.Id, "snapshot.id"),
        dto.Description ?? string.Empty,
        WireValue.Word<SnapshotStatus>(dto.SnapshotStatus),
        WireValue.Word<SnapshotType>(dto.SnapshotType),
        dto.Date,
        dto.PersistMemorystate ?? false);
}
