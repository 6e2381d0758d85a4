// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Events;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Backups;

/// <summary>Backups by changed blocks, and their checkpoints.</summary>
public sealed class EngineBackups
{
    private const int EventsToRead = 50;

    private readonly EngineHttp _http;
    private readonly EnginePoll _poll;
    private readonly EngineEvents _events;

    internal EngineBackups(EngineHttp http, EnginePoll poll, EngineEvents events)
    {
        _http = http;
        _poll = poll;
        _events = events;
    }

    /// <summary>Starts a backup, or finds the one of this id that was started before. Idempotent by <see cref="StartBackup.Id"/>.</summary>
    /// <exception cref="OvirtException">
    /// <see cref="OvirtError.CheckpointUnusable"/>: start again in full. <see cref="OvirtError.Locked"/>: a disk or the VM stayed busy.
    /// <see cref="OvirtError.Conflict"/>: the VM's state does not permit a backup.
    /// </exception>
    public async Task<Backup> StartAsync(StartBackup request, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var path = EngineQuery.With($"vms/{request.Vm}/backups", ("require_consistency", request.RequireConsistency ? "true" : null));
        var call = EngineRequest.Post(path, request.ToBody(), correlation) with
        {
            Idempotent = true,
            Scope = request.FromCheckpoint is null ? FaultScope.Any : FaultScope.IncrementalStart,
        };
        try
        {
            return await _http.ReadAsync(call, EngineJson.Default.BackupDto, dto => ToBackup(dto, request.Vm), cancellationToken);
        }
        catch (OvirtException exception) when (exception.Error is not OvirtError.Unauthorized and not OvirtError.TlsUntrusted)
        {
            // The answer of an earlier try may have been lost: then this id exists, and every further start is refused.
            if (await FindAfterFailedStartAsync(request, cancellationToken) is { } existing)
            {
                return existing;
            }

            if (request.FromCheckpoint is not null && exception is { Error: OvirtError.BadRequest or OvirtError.EngineFailed })
            {
                await ThrowIfCheckpointLostAsync(request, exception, cancellationToken);
            }

            throw;
        }
    }

    /// <summary>Null when there is none, or when it ended so long ago that the engine forgot it (15 minutes; at once before 4.4.7).</summary>
    public Task<Backup?> FindAsync(VmId vm, BackupId backup, CancellationToken cancellationToken) =>
        _http.FindAsync($"vms/{vm}/backups/{backup}", EngineJson.Default.BackupDto, dto => ToBackup(dto, vm), cancellationToken);

    public Task<IReadOnlyList<Backup>> ListAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.ListAsync($"vms/{vm}/backups", EngineJson.Default.WireListBackupDto, dto => ToBackup(dto, vm), cancellationToken);

    /// <summary>The disks that really are in the backup, each with its <see cref="Disk.BackupMode"/>.</summary>
    public Task<IReadOnlyList<Disk>> ListDisksAsync(VmId vm, BackupId backup, CancellationToken cancellationToken) =>
        _http.ListAsync($"vms/{vm}/backups/{backup}/disks", EngineJson.Default.WireListDiskDto, DiskMapping.ToDisk, cancellationToken);

    /// <summary>Waits until data can be read.</summary>
    /// <exception cref="OvirtException">
    /// The backup failed, with the newest event as reason: <see cref="OvirtError.CheckpointUnusable"/>, <see cref="OvirtError.GuestNotFrozen"/>
    /// (only with <paramref name="consistencyRequired"/>) or <see cref="OvirtError.BackupFailed"/>. Or <see cref="OvirtError.Timeout"/>.
    /// </exception>
    public Task<Backup> WaitUntilReadyAsync(VmId vm, BackupId backup, bool consistencyRequired, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"backup {backup} to become ready",
            _poll.Timeouts.BackupReady,
            async token =>
            {
                var found = await FindAsync(vm, backup, token);
                return found?.Phase switch
                {
                    BackupPhase.Ready => PollResult<Backup>.Finished(found),
                    BackupPhase.Unknown or BackupPhase.Initializing or BackupPhase.Starting => PollResult<Backup>.Waiting(found.Phase.ToString()),
                    _ => throw await FailureAsync(backup, found?.Phase, consistencyRequired, token),
                };
            },
            cancellationToken);

    /// <summary>Ends a backup; all its transfers must have finished. Idempotent: one that is ending, ended or gone is fine.</summary>
    /// <remarks>Must always be called, also after errors: the disks stay locked otherwise. While a transfer still winds down it is repeated as locked.</remarks>
    public async Task FinalizeAsync(VmId vm, BackupId backup, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var call = EngineRequest.Post($"vms/{vm}/backups/{backup}/finalize", [], correlation) with
        {
            Idempotent = true,
            MissingIsExpected = true,
        };
        try
        {
            await _http.SendAsync(call, cancellationToken);
        }
        catch (OvirtException exception) when (FaultClassifier.IsAlreadyFinalized(exception) || FaultClassifier.IsPrematureStop(exception))
        {
            // Someone, perhaps this call's own lost predecessor, was here before; or the backup was not ready yet and is now on its way out.
        }
        catch (OvirtException exception) when (exception.Error is OvirtError.BadRequest or OvirtError.Conflict or OvirtError.EngineFailed)
        {
            // Finalizing before ready is answered with an error, yet ends the backup.
            var found = await FindAsync(vm, backup, cancellationToken);
            if (found is not null && !found.IsEnded && found.Phase != BackupPhase.Finalizing)
            {
                throw;
            }
        }
    }

    /// <summary>Waits until a finalized backup is over and says how it ended.</summary>
    public Task<BackupEnd> WaitUntilEndedAsync(VmId vm, BackupId backup, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"backup {backup} to end",
            _poll.Timeouts.BackupEnd,
            async token =>
            {
                var found = await FindAsync(vm, backup, token);
                return found?.Phase switch
                {
                    BackupPhase.Succeeded => PollResult<BackupEnd>.Finished(new BackupEnd(BackupOutcome.Succeeded, null, false)),
                    BackupPhase.Failed => PollResult<BackupEnd>.Finished(
                        new BackupEnd(BackupOutcome.Failed, NewestText(await EventsAsync(backup, token)) ?? "the manager gave no reason", false)),
                    null => PollResult<BackupEnd>.Finished(await InferEndAsync(backup, token)),
                    var phase => PollResult<BackupEnd>.Waiting(phase.ToString()!),
                };
            },
            cancellationToken);

    public Task<IReadOnlyList<Checkpoint>> ListCheckpointsAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.ListAsync($"vms/{vm}/checkpoints", EngineJson.Default.WireListCheckpointDto, ToCheckpoint, cancellationToken);

    /// <summary>Null when there is no such checkpoint.</summary>
    public Task<Checkpoint?> FindCheckpointAsync(VmId vm, CheckpointId checkpoint, CancellationToken cancellationToken) =>
        _http.FindAsync($"vms/{vm}/checkpoints/{checkpoint}", EngineJson.Default.CheckpointDto, ToCheckpoint, cancellationToken);

    /// <summary>The disks a checkpoint covers.</summary>
    public async Task<IReadOnlyList<DiskId>> ListCheckpointDisksAsync(VmId vm, CheckpointId checkpoint, CancellationToken cancellationToken) =>
        await _http.ListAsync(
            $"vms/{vm}/checkpoints/{checkpoint}/disks",
            EngineJson.Default.WireListRefDto,
            dto => WireValue.Id<DiskId>(dto.Id, "checkpoint.disk.id"),
            cancellationToken);

    /// <summary>Asks to delete a checkpoint; see <see cref="WaitUntilCheckpointGoneAsync"/>. Idempotent. Several go one at a time, the oldest first.</summary>
    public async Task DeleteCheckpointAsync(VmId vm, CheckpointId checkpoint, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Delete($"vms/{vm}/checkpoints/{checkpoint}", correlation), cancellationToken);

    public Task WaitUntilCheckpointGoneAsync(VmId vm, CheckpointId checkpoint, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"checkpoint {checkpoint} to be deleted",
            _poll.Timeouts.CheckpointGone,
            async token => await FindCheckpointAsync(vm, checkpoint, token) is { } found
                ? PollResult<bool>.Waiting(found.State.ToString())
                : PollResult<bool>.Finished(true),
            cancellationToken);

    private async Task<Backup?> FindAfterFailedStartAsync(StartBackup request, CancellationToken cancellationToken)
    {
        try
        {
            return await FindAsync(request.Vm, request.Id, cancellationToken);
        }
        catch (OvirtException)
        {
            // The failure of the start itself is the one to report.
            return null;
        }
    }

    private async Task ThrowIfCheckpointLostAsync(StartBackup request, OvirtException cause, CancellationToken cancellationToken)
    {
        // A checkpoint that cannot be redefined on the host may be refused without a word; the event tells.
        IReadOnlyList<EngineEvent> events;
        try
        {
            events = await EventsAsync(request.Id, cancellationToken);
        }
        catch (OvirtException)
        {
            return;
        }

        if (FaultClassifier.ClassifyBackupFailure(events.Select(item => item.Code), consistencyRequired: false) == OvirtError.CheckpointUnusable)
        {
            throw new OvirtException(OvirtError.CheckpointUnusable, $"Checkpoint {request.FromCheckpoint} cannot be used: {NewestText(events)}", cause)
            {
                HttpStatus = cause.HttpStatus,
                Correlation = cause.Correlation,
            };
        }
    }

    private async Task<OvirtException> FailureAsync(BackupId backup, BackupPhase? phase, bool consistencyRequired, CancellationToken cancellationToken)
    {
        var events = await EventsAsync(backup, cancellationToken);
        var error = FaultClassifier.ClassifyBackupFailure(events.Select(item => item.Code), consistencyRequired);
        var state = phase?.ToString() ?? "gone";
        return new OvirtException(error, $"Backup {backup} did not become ready, it is {state}: {NewestText(events) ?? "the manager gave no reason"}");
    }

    private async Task<BackupEnd> InferEndAsync(BackupId backup, CancellationToken cancellationToken)
    {
        foreach (var item in await EventsAsync(backup, cancellationToken))
        {
            if (FaultClassifier.IsBackupFailure(item.Code))
            {
                return new BackupEnd(BackupOutcome.Failed, item.Description, InferredFromEvents: true);
            }

            if (FaultClassifier.IsBackupSuccess(item.Code))
            {
                return new BackupEnd(BackupOutcome.Succeeded, null, InferredFromEvents: true);
            }
        }

        return new BackupEnd(BackupOutcome.Failed, "the manager forgot the backup and no event tells how it ended", InferredFromEvents: true);
    }

    /// <summary>Events that mention the backup, newest first.</summary>
    private Task<IReadOnlyList<EngineEvent>> EventsAsync(BackupId backup, CancellationToken cancellationToken) =>
        _events.SearchAsync(new EngineSearch(backup.ToString()), EventsToRead, cancellationToken);

    private static string? NewestText(IReadOnlyList<EngineEvent> events) => events.Count > 0 ? events[0].Description : null;

    private static Backup ToBackup(BackupDto dto, VmId vm) => new(
        WireValue.Id<BackupId>(dto.Id, "backup.id"),
        WireValue.OptionalId<VmId>(dto.Vm, "backup.vm.id") ?? vm,
        WireValue.Word<BackupPhase>(dto.Phase),
        WireValue.OptionalId<CheckpointId>(dto.FromCheckpointId, "backup.from_checkpoint_id"),
        WireValue.OptionalId<CheckpointId>(dto.ToCheckpointId, "backup.to_checkpoint_id"),
        WireValue.OptionalId<HostId>(dto.Host, "backup.host.id"),
        WireValue.OptionalId<SnapshotId>(dto.Snapshot, "backup.snapshot.id"),
        dto.Description,
        dto.CreationDate);

    private static Checkpoint ToCheckpoint(CheckpointDto dto) => new(
        WireValue.Id<CheckpointId>(dto.Id, "checkpoint.id"),
        WireValue.OptionalId<CheckpointId>(dto.ParentId, "checkpoint.parent_id"),
        WireValue.Word<CheckpointState>(dto.State),
        dto.CreationDate,
        dto.Description);
}
