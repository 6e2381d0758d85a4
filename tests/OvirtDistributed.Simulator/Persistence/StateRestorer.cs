// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Commands;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Persistence;

/// <summary>
/// Makes an engine of a saved state. Storage is the truth about volumes; work that was under way is over, as after a restart of an engine:
/// backups have failed, locks are gone, and VMs that ran run again.
/// </summary>
internal sealed partial class StateRestorer(EngineContext engine, SavedState saved)
{
    private EngineState State => engine.State;

    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        saved.Fill(State);
        engine.ContinueEvents();
        foreach (var host in State.Hosts.Values)
        {
            host.Address = engine.Options.AddressOf(host.Name);
        }

        foreach (var disk in State.Disks.Values.ToList())
        {
            await RestoreAsync(disk, cancellationToken);
        }

        foreach (var vm in State.Vms.Values)
        {
            EndBackups(vm);
            EndSnapshotWork(vm);
            vm.Checkpoints.ForEach(c => c.Removing = false);
            await RestartAsync(vm, cancellationToken);
        }
    }

    private async Task RestoreAsync(Disk disk, CancellationToken cancellationToken)
    {
        IReadOnlyList<VolumeState> chain;
        try
        {
            chain = await engine.Storage.GetChainAsync(disk.Id, cancellationToken);
        }
        catch (StorageException e) when (e.Failure == StorageFailure.NotFound)
        {
            if (disk.StorageType == "image")
            {
                Forget(disk);
            }

            return;
        }

        disk.Volumes.Clear();
        disk.Volumes.AddRange(chain.Select(v => new Volume
        {
            ImageId = v.ImageId,
            ParentId = v.ParentId,
            TemplateDisk = v.TemplateDisk,
            Format = v.Format == VolumeFormat.Cow ? "cow" : "raw",
            Sparse = v.Sparse,
            ActualSize = v.ActualSizeBytes,
        }));
        disk.Format = disk.Active.Format;
        disk.Sparse = disk.Active.Sparse;
        disk.ProvisionedSize = chain[^1].VirtualSizeBytes;
        disk.Removing = false;
        if (saved.OpenUploads.Contains(disk.Id))
        {
            disk.Status = DiskStatus.Illegal;
            Log.UploadLost(engine.Logger, disk.Name);
        }
        else if (disk.Status == DiskStatus.Locked)
        {
            disk.Status = DiskStatus.Ok;
        }
    }

    // A scratch disk, or one whose creation or removal was under way.
    private void Forget(Disk disk)
    {
        State.Disks.Remove(disk.Id);
        foreach (var vm in State.Vms.Values)
        {
            vm.Attachments.RemoveAll(a => a.DiskId == disk.Id);
            vm.Snapshots.ForEach(s => s.Volumes.Remove(disk.Id));
        }

        if (disk.ContentType != "backup_scratch")
        {
            Log.DiskLost(engine.Logger, disk.Name, disk.Id);
        }
    }

    private void EndBackups(Vm vm)
    {
        foreach (var backup in vm.Backups.Where(b => !b.Ended))
        {
            backup.Phase = BackupPhase.Failed;
            backup.ModificationDate = engine.Now;
            backup.ScratchDisks.Clear();
            engine.Event(10814, "error", $"Backup {backup.Id} for VM {vm.Name} failed: it was not monitored while the engine was restarted.", PowerCommands.Subject(vm), null);
        }
    }

    private void EndSnapshotWork(Vm vm)
    {
        vm.LockedBy = null;
        foreach (var snapshot in vm.Snapshots.Where(s => !s.IsActive).ToList())
        {
            var had = snapshot.Volumes.Count;
            foreach (var (diskId, image) in snapshot.Volumes.ToList())
            {
                // Its overlay was not there yet, or its volume has been merged already.
                if (State.Disks.GetValueOrDefault(diskId) is not { } disk || !disk.Volumes.Exists(v => v.ImageId == image) || disk.Active.ImageId == image)
                {
                    snapshot.Volumes.Remove(diskId);
                }
            }

            if (had > 0 && snapshot.Volumes.Count == 0)
            {
                vm.Snapshots.Remove(snapshot);
                Log.SnapshotLost(engine.Logger, snapshot.Description, vm.Name);
            }

            snapshot.Status = SnapshotStatus.Ok;
        }
    }

    private async Task RestartAsync(Vm vm, CancellationToken cancellationToken)
    {
        var ran = vm.IsRunning && vm.Status != VmStatus.PoweringDown;
        vm.Status = VmStatus.Down;
        if (ran)
        {
            try
            {
                await engine.Storage.StartVmAsync(
                    vm.Id, [.. vm.Attachments.Where(a => a.Active && a.SnapshotId is null).Select(a => a.DiskId)], cancellationToken);
                vm.Status = VmStatus.Up;
                return;
            }
            catch (StorageException e)
            {
                Log.VmNotRestarted(engine.Logger, vm.Name, e.Message);
            }
        }

        vm.HostId = null;
        vm.StartTime = null;
    }

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "The upload to disk {Name} was not over when the simulator ended: the disk is illegal now.")]
        public static partial void UploadLost(ILogger logger, string name);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Disk {Name} ({Id}) has no files: its creation or removal was not over when the simulator ended. It is gone.")]
        public static partial void DiskLost(ILogger logger, string name, Guid id);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Snapshot '{Description}' of VM {Vm} was being made or removed when the simulator ended: it is gone.")]
        public static partial void SnapshotLost(ILogger logger, string? description, string vm);

        [LoggerMessage(Level = LogLevel.Warning, Message = "VM {Vm} ran when the simulator ended and could not be started again: {Reason}")]
        public static partial void VmNotRestarted(ILogger logger, string vm, string reason);
    }
}
