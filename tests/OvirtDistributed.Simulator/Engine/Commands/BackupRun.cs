// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>The work of one backup, from its acceptance to succeeded or failed.</summary>
internal sealed class BackupRun(EngineContext engine, SnapshotCommands snapshots, VmCommands vms)
{
    private const string CannotRemoveSnapshot = "Cannot remove Snapshot";

    private EngineState State => engine.State;

    /// <summary>Call with the gate held.</summary>
    public EngineJob Start(Vm vm, Backup backup, List<Disk> disks, bool requireConsistency, CommandScope scope) => engine.Start(
        scope,
        $"Backup {backup.Id} of VM {vm.Name}",
        op => RunAsync(op, vm, backup, disks, requireConsistency),
        (op, e) => Failed(op, vm, backup, disks, e));

    private async Task RunAsync(Operation op, Vm vm, Backup backup, List<Disk> disks, bool requireConsistency)
    {
        await op.ApplyAsync(() => backup.Operation = op);
        try
        {
            await PrepareAsync(op, vm, backup, disks, requireConsistency);
            await backup.FinalizeRequested.Task.WaitAsync(engine.Stopping);
            await op.ApplyAsync(() => Enter(backup, BackupPhase.Finalizing));
            await AbortIfStoppedAsync(op, backup);
            await op.StepAsync();
        }
        finally
        {
            // Also after an error: storage must not keep overlays of a backup nobody can end any more.
            await StopStorageAsync(backup);
        }

        await RemoveSnapshotAsync(op, vm, backup);
        await op.ApplyAsync(() =>
        {
            Release(backup, disks);
            Enter(backup, BackupPhase.Succeeded);
            op.Event(10793, "normal", $"Backup {backup.Id} for VM {vm.Name} completed (User: {engine.Options.User}).", PowerCommands.Subject(vm));
        });
    }

    private async Task PrepareAsync(Operation op, Vm vm, Backup backup, List<Disk> disks, bool requireConsistency)
    {
        await op.StepAsync();
        await AbortIfStoppedAsync(op, backup);
        if (backup.Kind == BackupKind.Live)
        {
            await op.ApplyAsync(() => AddScratchDisks(vm, backup, disks));
        }
        else if (backup.Kind == BackupKind.Hybrid)
        {
            await op.ApplyAsync(() => backup.SnapshotId = snapshots.Add(vm, "Auto-generated for Backup VM", disks, memory: false, backup.Id).Id);
        }

        await op.StepAsync();
        await op.ApplyAsync(() => Enter(backup, BackupPhase.Starting));
        await op.StepAsync();
        await AbortIfStoppedAsync(op, backup);
        if (requireConsistency && vm is { IsRunning: true, GuestAgent: false })
        {
            throw new BackupFailure("the guest file systems could not be frozen and consistency is required");
        }

        await StartStorageAsync(op, vm, backup, disks);
        await op.HoldAsync();
        await AbortIfStoppedAsync(op, backup);
        await op.ApplyAsync(() => Enter(backup, BackupPhase.Ready));
    }

    private async Task StartStorageAsync(Operation op, Vm vm, Backup backup, List<Disk> disks)
    {
        var checkpoint = Guid.NewGuid();
        // The overlay of a snapshot is qcow2 whatever the disk was before.
        var covered = disks.Where(d => d.IsCow).Select(d => d.Id).ToHashSet();
        var overlays = backup.Kind == BackupKind.Hybrid ? disks.ConvertAll(d => (Disk: d, NewImage: Guid.NewGuid())) : [];
        var spec = new BackupSpec(
            backup.Id,
            vm.Id,
            checkpoint,
            [.. disks.Select((d, i) => new BackupDisk(d.Id, backup.Disks[d.Id] == "incremental" ? backup.FromCheckpointId : null, overlays.Count > 0 ? overlays[i].NewImage : null))]);
        await engine.Storage.StartBackupAsync(spec, engine.Stopping);
        await op.ApplyAsync(() =>
        {
            backup.StorageStarted = true;
            AddCheckpoint(vm, backup, covered, checkpoint);
        });
        if (overlays.Count == 0)
        {
            return;
        }

        await snapshots.AddLayersAsync(op, overlays);
        await op.ApplyAsync(() =>
        {
            vm.Snapshots.Find(s => s.Id == backup.SnapshotId)!.Status = SnapshotStatus.Ok;
            vm.LockedBy = null;
        });
    }

    private static async Task AbortIfStoppedAsync(Operation op, Backup backup)
    {
        if (await op.ReadAsync(() => backup.AbortReason) is { } reason)
        {
            throw new BackupFailure(reason);
        }
    }

    private void AddScratchDisks(Vm vm, Backup backup, List<Disk> disks)
    {
        foreach (var disk in disks)
        {
            var scratch = new Disk
            {
                Id = Guid.NewGuid(),
                Name = $"VM {vm.Name} backup {backup.Id} scratch disk for {disk.Name}",
                StorageDomainId = disk.StorageDomainId,
                Format = State.StorageDomains[disk.StorageDomainId].IsBlock ? "cow" : "raw",
                Sparse = true,
                ProvisionedSize = disk.ProvisionedSize,
                ContentType = "backup_scratch",
                CreationDate = engine.Now,
            };
            scratch.Volumes.Add(new Volume { ImageId = Guid.NewGuid(), Format = scratch.Format, Sparse = true });
            State.Disks.Add(scratch.Id, scratch);
            backup.ScratchDisks.Add(scratch.Id);
        }
    }

    private void AddCheckpoint(Vm vm, Backup backup, HashSet<Guid> cow, Guid id)
    {
        if (cow.Count == 0)
        {
            return;
        }

        backup.ToCheckpointId = id;
        vm.Checkpoints.Add(new Checkpoint
        {
            Id = id,
            VmId = vm.Id,
            Description = backup.Description,
            ParentId = vm.Checkpoints.LastOrDefault()?.Id,
            CreationDate = engine.Now,
            Disks = cow,
        });
    }

    private async Task StopStorageAsync(Backup backup)
    {
        if (!backup.StorageStarted)
        {
            return;
        }

        // All of this runs to its end even when the simulator is stopping: it is what empties the scratch directory.
        await State.Gate.WaitAsync(CancellationToken.None);
        var exports = State.Transfers.Values.Where(t => t.BackupId == backup.Id).Select(t => t.Export).OfType<IDiskExport>().ToList();
        State.Gate.Release();
        foreach (var export in exports)
        {
            await export.DisposeAsync();
        }

        await engine.Storage.StopBackupAsync(backup.Id, CancellationToken.None);
        backup.StorageStarted = false;
    }

    private async Task RemoveSnapshotAsync(Operation op, Vm vm, Backup backup)
    {
        if (await op.ReadAsync(() => vm.Snapshots.Find(s => s.Id == backup.SnapshotId)) is not { } snapshot)
        {
            return;
        }

        var locked = false;
        try
        {
            await op.ApplyAsync(() =>
            {
                Guard.VmFree(vm, CannotRemoveSnapshot);
                vms.CheckSnapshotsFree(vm, CannotRemoveSnapshot, snapshot);
                snapshot.Status = SnapshotStatus.Locked;
                vm.LockedBy = SnapshotCommands.Busy;
                locked = true;
            });
            await op.StepAsync();
            await snapshots.MergeLayersAsync(op, snapshot, await op.ReadAsync(() => snapshots.Layers(snapshot)), backup.MergeFails);
            await op.ApplyAsync(() =>
            {
                vm.Snapshots.Remove(snapshot);
                vm.LockedBy = null;
                op.Event(356, "normal", $"Snapshot '{snapshot.Description}' deletion for VM '{vm.Name}' has been completed.", PowerCommands.Subject(vm));
            });
        }
        catch (Exception e) when (e is StorageException or ApiFault)
        {
            // The backup is as good as before; its snapshot stays.
            await op.ApplyAsync(() =>
            {
                snapshot.Status = SnapshotStatus.Ok;
                vm.LockedBy = locked ? null : vm.LockedBy;
                op.Event(10813, "warning", $"Possible failure while removing the snapshot that was generated for backup {backup.Id} of VM {vm.Name}: {e.Message}. Please remove it manually.", PowerCommands.Subject(vm));
            });
        }
    }

    private void Failed(Operation op, Vm vm, Backup backup, List<Disk> disks, Exception error)
    {
        if (error is StorageException { Failure: StorageFailure.CheckpointUnusable })
        {
            op.Event(10791, "error", $"Failed to perform incremental backup {backup.Id} for VM {vm.Name}: checkpoint {backup.FromCheckpointId} can't be used. Please remove the VM checkpoints and perform a full backup.", PowerCommands.Subject(vm));
        }

        op.Event(10792, "error", $"Backup {backup.Id} for VM {vm.Name} failed: {error.Message} (User: {engine.Options.User}).", PowerCommands.Subject(vm));
        if (backup.Kind == BackupKind.Hybrid
            && (backup.SnapshotId is null || vm.Snapshots.RemoveAll(s => s.Id == backup.SnapshotId && s.Status == SnapshotStatus.Locked) > 0))
        {
            // Storage has put no layer on the disks.
            vm.LockedBy = null;
        }

        Release(backup, disks);
        Enter(backup, BackupPhase.Failed);
    }

    private void Release(Backup backup, List<Disk> disks)
    {
        backup.ScratchDisks.ForEach(d => State.Disks.Remove(d));
        backup.ScratchDisks.Clear();
        if (backup.Kind == BackupKind.Hybrid)
        {
            return;
        }

        foreach (var disk in disks.Where(d => d.Status == DiskStatus.Locked && !d.Removing))
        {
            disk.Status = DiskStatus.Ok;
        }
    }

    private void Enter(Backup backup, string phase)
    {
        backup.Phase = phase;
        backup.ModificationDate = engine.Now;
    }

    private sealed class BackupFailure(string message) : Exception(message);
}
