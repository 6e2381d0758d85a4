// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>The work of one backup, from its acceptance to succeeded or failed.</summary>
internal sealed class BackupRun(EngineContext engine)
{
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
            await op.ApplyAsync(() => AddSnapshot(vm, backup));
        }

        await op.StepAsync();
        await op.ApplyAsync(() => Enter(backup, BackupPhase.Starting));
        await op.StepAsync();
        await AbortIfStoppedAsync(op, backup);
        if (requireConsistency && vm is { IsRunning: true, GuestAgent: false })
        {
            throw new BackupFailure("the guest file systems could not be frozen and consistency is required");
        }

        var checkpoint = Guid.NewGuid();
        var spec = new BackupSpec(
            backup.Id, vm.Id, checkpoint, [.. disks.Select(d => new BackupDisk(d.Id, backup.Disks[d.Id] == "incremental" ? backup.FromCheckpointId : null))]);
        await engine.Storage.StartBackupAsync(spec, engine.Stopping);
        await op.ApplyAsync(() =>
        {
            backup.StorageStarted = true;
            AddCheckpoint(vm, backup, disks, checkpoint);
            if (backup.SnapshotId is { } id && vm.Snapshots.Find(s => s.Id == id) is { } snapshot)
            {
                snapshot.Status = SnapshotStatus.Ok;
            }
        });
        await op.HoldAsync();
        await AbortIfStoppedAsync(op, backup);
        await op.ApplyAsync(() => Enter(backup, BackupPhase.Ready));
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

    // The storage under a hybrid backup is the same as under the other kinds; what clients see of it is this snapshot and its life.
    private void AddSnapshot(Vm vm, Backup backup)
    {
        var snapshot = new Snapshot
        {
            Id = Guid.NewGuid(),
            VmId = vm.Id,
            Description = "Auto-generated for Backup VM",
            Date = engine.Now,
            Type = "regular",
            BackupId = backup.Id,
        };
        vm.Snapshots.Add(snapshot);
        backup.SnapshotId = snapshot.Id;
    }

    private void AddCheckpoint(Vm vm, Backup backup, List<Disk> disks, Guid id)
    {
        var cow = disks.Where(d => d.IsCow).Select(d => d.Id).ToHashSet();
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

        await op.ApplyAsync(() => snapshot.Status = SnapshotStatus.Locked);
        await op.StepAsync();
        await op.ApplyAsync(() => vm.Snapshots.Remove(snapshot));
    }

    private void Failed(Operation op, Vm vm, Backup backup, List<Disk> disks, Exception error)
    {
        if (error is StorageException { Failure: StorageFailure.CheckpointUnusable })
        {
            op.Event(10791, "error", $"Failed to perform incremental backup {backup.Id} for VM {vm.Name}: checkpoint {backup.FromCheckpointId} can't be used. Please remove the VM checkpoints and perform a full backup.", PowerCommands.Subject(vm));
        }

        op.Event(10792, "error", $"Backup {backup.Id} for VM {vm.Name} failed: {error.Message} (User: {engine.Options.User}).", PowerCommands.Subject(vm));
        vm.Snapshots.RemoveAll(s => s.Id == backup.SnapshotId);
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
