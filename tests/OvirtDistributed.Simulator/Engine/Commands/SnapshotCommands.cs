// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Snapshots: create, remove (merge), restore. Called with the gate held.</summary>
internal sealed class SnapshotCommands(EngineContext engine, DiskCommands disks, VmCommands vms)
{
    private const string CannotCreate = "Cannot create Snapshot";
    private const string CannotRemove = "Cannot remove Snapshot";
    private const string CannotRestore = "Cannot revert to Snapshot";
    public const string Busy = "The VM is performing an operation on a Snapshot. Please wait for the operation to finish, and try again.";

    private EngineState State => engine.State;

    public (Snapshot Snapshot, EngineJob Job) Create(Vm vm, WireNode body, CommandScope scope)
    {
        var description = body.Value("description") ?? throw ApiFault.Incomplete("Snapshot", "description", "add");
        CheckQuiet(vm, CannotCreate);
        if (vm.Status is not (VmStatus.Up or VmStatus.Down or VmStatus.Paused))
        {
            throw ApiFault.Conflict($"{CannotCreate}: VM is in status {vm.Status}. Please wait until it is up or down.");
        }

        var chosen = Choose(vm, body);
        Guard.DisksLegal(chosen.Select(c => c.Disk), CannotCreate);
        Guard.DisksUnlocked(chosen.Select(c => c.Disk), CannotCreate);
        chosen.ForEach(c => Guard.NotTransferred(State, c.Disk, CannotCreate));
        var snapshot = Add(vm, description, chosen.ConvertAll(c => c.Disk), body.Flag("persist_memorystate") ?? true, backupId: null);
        Lock(vm, chosen.ConvertAll(c => c.Disk));
        engine.Event(45, "normal", $"Snapshot '{description}' creation for VM '{vm.Name}' was initiated by {engine.Options.User}.", PowerCommands.Subject(vm), scope.CorrelationId);
        var job = engine.Start(
            scope,
            $"Creating VM Snapshot {description} for VM {vm.Name}",
            op => CreateAsync(op, vm, snapshot, chosen),
            (op, e) =>
            {
                vm.Snapshots.Remove(snapshot);
                Unlock(vm, chosen.ConvertAll(c => c.Disk));
                op.Event(69, "error", $"Failed to complete snapshot '{description}' creation for VM '{vm.Name}': {e.Message}", PowerCommands.Subject(vm));
            });
        return (snapshot, job);
    }

    /// <summary>A snapshot as it is listed from its acceptance on: locked, with the VM's configuration of this moment.</summary>
    public Snapshot Add(Vm vm, string description, List<Disk> chosen, bool memory, Guid? backupId)
    {
        var snapshot = new Snapshot
        {
            Id = Guid.NewGuid(),
            VmId = vm.Id,
            Description = description,
            Date = engine.Now,
            Type = "regular",
            PersistMemoryState = memory,
            VmConfiguration = VmRender.Configuration(InventoryRender.Start("vm", "vms", vm), vm),
            BackupId = backupId,
        };
        snapshot.Attachments.AddRange(vm.Attachments.Where(a => a.SnapshotId is null));
        chosen.ForEach(d => snapshot.Volumes.Add(d.Id, d.Active.ImageId));
        snapshot.Ovf = OvfWriter.Write(State, vm, snapshot);
        vm.Snapshots.Add(snapshot);
        return snapshot;
    }

    public EngineJob Remove(Vm vm, Snapshot snapshot, CommandScope scope)
    {
        if (snapshot.IsActive)
        {
            throw ApiFault.BadRequest($"{CannotRemove}. Can not remove snapshot of type ACTIVE.");
        }

        CheckQuiet(vm, CannotRemove);
        vms.CheckSnapshotsFree(vm, CannotRemove, snapshot);
        var layers = Layers(snapshot);
        Guard.DisksUnlocked(layers.Select(l => l.Disk), CannotRemove);
        layers.ForEach(l => Guard.NotTransferred(State, l.Disk, CannotRemove));
        if (vm.IsRunning && layers.Exists(l => vm.Attachments.Find(a => a.DiskId == l.Disk.Id) is not { Active: true }))
        {
            throw ApiFault.Conflict($"{CannotRemove}: The following disk(s) are not plugged to the running VM. Please activate them and try again.");
        }

        snapshot.Status = SnapshotStatus.Locked;
        Lock(vm, layers.ConvertAll(l => l.Disk));
        engine.Event(342, "normal", $"Snapshot '{snapshot.Description}' deletion for VM '{vm.Name}' was initiated by {engine.Options.User}.", PowerCommands.Subject(vm), scope.CorrelationId);
        return engine.Start(
            scope,
            $"Removing Snapshot {snapshot.Description} of VM {vm.Name}",
            op => MergeAsync(op, vm, snapshot, layers),
            (op, e) =>
            {
                snapshot.Status = SnapshotStatus.Ok;
                Unlock(vm, layers.ConvertAll(l => l.Disk));
                op.Event(357, "error", $"Failed to delete snapshot '{snapshot.Description}' for VM '{vm.Name}': {e.Message}", PowerCommands.Subject(vm));
            });
    }

    /// <summary>Goes back to a snapshot: newer snapshots are dropped and all checkpoints become invalid.</summary>
    public EngineJob Restore(Vm vm, Snapshot snapshot, CommandScope scope)
    {
        CheckQuiet(vm, CannotRestore);
        if (!vm.IsDown)
        {
            throw ApiFault.Conflict($"{CannotRestore}: VM must be down.");
        }

        var newer = vm.Snapshots.SkipWhile(s => s != snapshot).Skip(1).ToList();
        newer.ForEach(s => vms.CheckSnapshotsFree(vm, CannotRestore, s));
        var layers = Layers(snapshot);
        Guard.DisksUnlocked(layers.Select(l => l.Disk), CannotRestore);
        layers.ForEach(l => Guard.NotTransferred(State, l.Disk, CannotRestore));
        snapshot.Status = SnapshotStatus.Locked;
        Lock(vm, layers.ConvertAll(l => l.Disk));
        return engine.Start(
            scope,
            $"Reverting VM {vm.Name} to Snapshot {snapshot.Description}",
            op => RevertAsync(op, vm, snapshot, newer, layers),
            (_, _) =>
            {
                snapshot.Status = SnapshotStatus.Ok;
                Unlock(vm, layers.ConvertAll(l => l.Disk));
            });
    }

    private static void Lock(Vm vm, List<Disk> locked)
    {
        vm.LockedBy = Busy;
        locked.ForEach(d => d.Status = DiskStatus.Locked);
    }

    private static void Unlock(Vm vm, List<Disk> locked)
    {
        vm.LockedBy = null;
        locked.ForEach(d => d.Status = DiskStatus.Ok);
    }

    private static void CheckQuiet(Vm vm, string cannot)
    {
        Guard.NoSnapshotWork(vm, cannot);
        Guard.VmFree(vm, cannot);
        Guard.NotDuringBackup(vm, cannot);
    }

    private List<(Disk Disk, Guid NewImage)> Choose(Vm vm, WireNode body)
    {
        var able = vm.Attachments.Where(a => a.SnapshotId is null).Select(a => State.Disks[a.DiskId])
            .Where(d => !d.Shareable && d.StorageType == "image").ToList();
        if (body.Items("disk_attachments") is not { } listed)
        {
            return able.ConvertAll(d => (d, Guid.NewGuid()));
        }

        var chosen = new List<(Disk, Guid)>();
        foreach (var item in listed)
        {
            var node = item.Child("disk");
            var disk = able.Find(d => d.Id == node?.Guid())
                ?? throw ApiFault.Conflict($"{CannotCreate}: Snapshot is not allowed for the following disk(s): {node?.Id ?? item.Id}.");
            chosen.Add((disk, node!.Value("image_id") is { Length: > 0 } image ? WireValues.ParseGuid(image) : Guid.NewGuid()));
        }

        return chosen;
    }

    /// <summary>The volumes that hold a snapshot's state, of disks that still exist.</summary>
    public List<(Disk Disk, Volume Layer)> Layers(Snapshot snapshot)
    {
        var layers = new List<(Disk, Volume)>();
        foreach (var (diskId, imageId) in snapshot.Volumes)
        {
            if (State.Disks.TryGetValue(diskId, out var disk) && disk.Volumes.Find(v => v.ImageId == imageId) is { } volume)
            {
                layers.Add((disk, volume));
            }
        }

        return layers;
    }

    private async Task CreateAsync(Operation op, Vm vm, Snapshot snapshot, List<(Disk Disk, Guid NewImage)> chosen)
    {
        await op.StepAsync();
        if (chosen.Count > 0)
        {
            await TakeAsync(op, vm, snapshot, chosen);
        }

        await AddLayersAsync(op, chosen);
        await op.StepAsync();
        await op.ApplyAsync(() =>
        {
            snapshot.Status = SnapshotStatus.Ok;
            Unlock(vm, chosen.ConvertAll(c => c.Disk));
            op.Event(68, "normal", $"Snapshot '{snapshot.Description}' creation for VM '{vm.Name}' has been completed.", PowerCommands.Subject(vm));
        });
    }

    /// <summary>Without memory the host freezes a guest that can be, and thaws it afterwards, whoever had frozen it.</summary>
    private async Task TakeAsync(Operation op, Vm vm, Snapshot snapshot, List<(Disk Disk, Guid NewImage)> chosen)
    {
        await op.ApplyAsync(() =>
        {
            if (vm is { Status: VmStatus.Up, GuestAgent: true } && !snapshot.PersistMemoryState)
            {
                vm.Filesystems.Freeze(FreezeActor.Host, engine.Now);
            }
        });
        try
        {
            await engine.Storage.CreateSnapshotAsync(vm.Id, chosen.ConvertAll(c => (c.Disk.Id, c.NewImage)), engine.Stopping);
        }
        finally
        {
            await op.ApplyAsync(() => vm.Filesystems.Thaw(FreezeActor.Host));
        }
    }

    /// <summary>Enters the layers that storage has put on the disks.</summary>
    public async Task AddLayersAsync(Operation op, List<(Disk Disk, Guid NewImage)> chosen)
    {
        await op.ApplyAsync(() =>
        {
            foreach (var (disk, image) in chosen)
            {
                // An overlay is always qcow2, whatever lies below.
                disk.Volumes.Add(new Volume { ImageId = image, ParentId = disk.Active.ImageId, Format = "cow", Sparse = true });
                disk.Format = "cow";
                disk.Sparse = true;
            }
        });
        foreach (var (disk, _) in chosen)
        {
            await disks.RefreshSizesAsync(op, disk);
        }
    }

    private async Task MergeAsync(Operation op, Vm vm, Snapshot snapshot, List<(Disk Disk, Volume Layer)> layers)
    {
        await op.StepAsync();
        await MergeLayersAsync(op, snapshot, layers, op.Scope.FailsMerge);
        await op.StepAsync();
        await op.ApplyAsync(() =>
        {
            vm.Snapshots.Remove(snapshot);
            Unlock(vm, layers.ConvertAll(l => l.Disk));
            op.Event(356, "normal", $"Snapshot '{snapshot.Description}' deletion for VM '{vm.Name}' has been completed.", PowerCommands.Subject(vm));
        });
    }

    /// <summary>
    /// Merges the layer above each of these into it. As on an engine the lower volume stays, with its id, and stands from then on for what the upper one stood for.
    /// </summary>
    public async Task MergeLayersAsync(Operation op, Snapshot snapshot, List<(Disk Disk, Volume Layer)> layers, bool fails)
    {
        if (fails)
        {
            throw new StorageException(StorageFailure.ToolFailed, "the merge of its volumes failed");
        }

        foreach (var (disk, layer) in layers)
        {
            await engine.Storage.RemoveSnapshotLayerAsync(disk.Id, layer.ImageId, engine.Stopping);
            await op.ApplyAsync(() =>
            {
                snapshot.Volumes.Remove(disk.Id);
                if (disk.Volumes.Find(v => v.ParentId == layer.ImageId) is { } upper)
                {
                    TakePlace(disk, layer, upper);
                }
            });
            await disks.RefreshSizesAsync(op, disk);
        }
    }

    private void TakePlace(Disk disk, Volume lower, Volume upper)
    {
        disk.Volumes.Remove(upper);
        disk.Volumes.Where(v => v.ParentId == upper.ImageId).ToList().ForEach(v => v.ParentId = lower.ImageId);
        disk.Format = disk.Active.Format;
        disk.Sparse = disk.Active.Sparse;
        foreach (var other in State.Vms.Values.SelectMany(v => v.Snapshots).Where(s => s.Volumes.GetValueOrDefault(disk.Id) == upper.ImageId))
        {
            other.Volumes[disk.Id] = lower.ImageId;
        }
    }

    private async Task RevertAsync(Operation op, Vm vm, Snapshot snapshot, List<Snapshot> newer, List<(Disk Disk, Volume Layer)> layers)
    {
        await op.StepAsync();
        foreach (var (disk, layer) in layers)
        {
            var image = Guid.NewGuid();
            await engine.Storage.RevertToLayerAsync(disk.Id, layer.ImageId, image, engine.Stopping);
            await op.ApplyAsync(() =>
            {
                disk.Volumes.RemoveRange(disk.Volumes.IndexOf(layer) + 1, disk.Volumes.Count - disk.Volumes.IndexOf(layer) - 1);
                disk.Volumes.Add(new Volume { ImageId = image, ParentId = layer.ImageId, Format = "cow", Sparse = true });
                disk.Format = "cow";
            });
            await disks.RefreshSizesAsync(op, disk);
        }

        await op.ApplyAsync(() =>
        {
            newer.ForEach(s => vm.Snapshots.Remove(s));
            vm.Checkpoints.ForEach(c => c.State = "invalid");
            snapshot.Status = SnapshotStatus.Ok;
            Unlock(vm, layers.ConvertAll(l => l.Disk));
        });
    }
}
