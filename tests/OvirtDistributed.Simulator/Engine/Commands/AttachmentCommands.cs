// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Attaching disks and snapshot disks to VMs, with hot plug. All methods are called with the gate held.</summary>
internal sealed class AttachmentCommands(EngineContext engine, DiskCommands disks)
{
    private const string CannotAttach = "Cannot attach Virtual Disk";
    private const string CannotDetach = "Cannot detach Virtual Disk";
    private const string CannotPlug = "Cannot hot plug Virtual Disk";
    private const string CannotUnplug = "Cannot hot unplug Virtual Disk";

    private EngineState State => engine.State;

    /// <summary>Attaches an existing disk, a snapshot of one, or a disk the body describes.</summary>
    public async Task<(DiskAttachment Attachment, EngineJob? Job)> AddAsync(Vm vm, WireNode body, CommandScope scope)
    {
        var diskNode = body.Child("disk") ?? throw ApiFault.Incomplete("DiskAttachment", "disk", "add");
        Guard.VmFree(vm, CannotAttach);
        Guard.NoSnapshotWork(vm, CannotAttach);
        if (vm.Status is not (VmStatus.Down or VmStatus.Up or VmStatus.Paused))
        {
            throw ApiFault.Conflict($"{CannotAttach}: VM is not Up, Paused or Down.");
        }

        var name = Interface(vm, body);
        if (diskNode.Guid() is not { } diskId || !State.Disks.TryGetValue(diskId, out var disk))
        {
            return AddNew(vm, body, diskNode, name, scope);
        }

        var snapshotId = diskNode.ReferenceId("snapshot");
        if (vm.Attachments.Exists(a => a.DiskId == diskId))
        {
            throw ApiFault.Conflict($"{CannotAttach}: The disk is already attached to VM.");
        }

        if (snapshotId is { } snapshot)
        {
            CheckSnapshot(vm, disk, snapshot);
        }
        else
        {
            CheckDisk(vm, disk);
        }

        var attachment = Build(body, diskId, snapshotId, name);
        if (attachment.Active && vm.IsRunning)
        {
            await PlugAsync(vm, attachment);
        }

        vm.Attachments.Add(attachment);
        engine.Event(2016, "normal", $"VM {vm.Name} {disk.Name} disk was successfully attached by {engine.Options.User}.", new EventSubject { VmId = vm.Id }, scope.CorrelationId);
        return (attachment, null);
    }

    /// <summary>Changes an attachment: plugging, boot flag, interface; and the disk it carries, when the body names fields of it.</summary>
    public async Task<EngineJob?> UpdateAsync(Vm vm, DiskAttachment attachment, WireNode body, CommandScope scope)
    {
        Guard.VmFree(vm, "Cannot edit Virtual Disk");
        if (body.Flag("active") is { } active && active != attachment.Active)
        {
            await SetActiveAsync(vm, attachment, active, scope);
        }

        attachment.Bootable = body.Flag("bootable") ?? attachment.Bootable;
        attachment.Interface = body.Value("interface") is null ? attachment.Interface : Interface(vm, body);
        attachment.ReadOnly = body.Flag("read_only") ?? attachment.ReadOnly;
        attachment.PassDiscard = body.Flag("pass_discard") ?? attachment.PassDiscard;
        return body.Child("disk") is { Children.Count: > 0 } disk && attachment.SnapshotId is null
            ? disks.Update(State.Disks[attachment.DiskId], disk, scope)
            : null;
    }

    /// <summary>Detaches, or with <paramref name="detachOnly"/> false deletes the disk too.</summary>
    public async Task<EngineJob?> RemoveAsync(Vm vm, DiskAttachment attachment, bool detachOnly, CommandScope scope)
    {
        var disk = State.Disks[attachment.DiskId];
        Guard.VmFree(vm, CannotDetach);
        if (vm.Status is not (VmStatus.Down or VmStatus.Up))
        {
            throw ApiFault.Conflict($"{CannotDetach}: VM is not Up or Down.");
        }

        if (attachment.SnapshotId is null)
        {
            Guard.DiskUnlocked(disk, CannotDetach);
            Guard.NotDuringBackup(vm, CannotDetach);
            if (detachOnly && disk.HasSnapshots)
            {
                throw ApiFault.Conflict($"{CannotDetach}: Detaching disk with snapshots is not supported: the disk {disk.Name} is part of a snapshot.");
            }
        }

        if (attachment.Active && vm.IsRunning)
        {
            await UnplugAsync(vm, attachment);
        }

        vm.Attachments.Remove(attachment);
        engine.Event(2018, "normal", $"Disk {disk.Name} was successfully detached from VM {vm.Name} by {engine.Options.User}.", new EventSubject { VmId = vm.Id }, scope.CorrelationId);
        return detachOnly || attachment.SnapshotId is not null ? null : disks.Remove(disk, scope);
    }

    private static DiskAttachment Build(WireNode body, Guid diskId, Guid? snapshotId, string name) => new()
    {
        DiskId = diskId,
        SnapshotId = snapshotId,
        Active = body.Flag("active") ?? false,
        Bootable = body.Flag("bootable") ?? false,
        Interface = name,
        ReadOnly = body.Flag("read_only") ?? false,
        PassDiscard = body.Flag("pass_discard") ?? false,
        UsesScsiReservation = body.Flag("uses_scsi_reservation") ?? false,
    };

    private static string Interface(Vm vm, WireNode body)
    {
        var name = body.Value("interface") ?? throw ApiFault.Incomplete("DiskAttachment", "interface", "add");
        if (name == "virtio_scsi" && !vm.VirtioScsi)
        {
            throw ApiFault.Conflict($"{CannotAttach}: VirtIO-SCSI is disabled for the VM.");
        }

        return name;
    }

    private (DiskAttachment Attachment, EngineJob? Job) AddNew(Vm vm, WireNode body, WireNode diskNode, string name, CommandScope scope)
    {
        if (diskNode.Id is { } unknown && diskNode.Value("provisioned_size") is null)
        {
            throw new ApiFault(404, "Operation Failed", $"[{CannotAttach}. The specified disk {unknown} does not exist.]");
        }

        if (diskNode.Value("name") is null && diskNode.Value("alias") is null)
        {
            diskNode.Add("name", $"{vm.Name}_Disk{vm.Attachments.Count + 1}");
        }

        var (disk, created) = disks.Create(diskNode, scope);
        var attachment = Build(body, disk.Id, null, name);
        var plug = body.Flag("active") ?? true;
        attachment.Active = plug && vm.IsDown;
        vm.Attachments.Add(attachment);
        if (!plug || vm.IsDown)
        {
            return (attachment, created);
        }

        var job = engine.Start(
            scope,
            $"Hot plugging Disk {disk.Name} to VM {vm.Name}",
            async op =>
            {
                while (await op.ReadAsync(() => disk.Status == DiskStatus.Locked))
                {
                    await op.StepAsync();
                }

                await engine.Storage.HotPlugAsync(vm.Id, disk.Id, engine.Stopping);
                await op.ApplyAsync(() => attachment.Active = true);
                await engine.Devices.PlugAsync(await op.ReadAsync(() => engine.Devices.Plan(vm)), engine.Stopping);
            },
            (op, e) => op.Event(2001, "error", $"Failed to plug disk {disk.Name} to VM {vm.Name}: {e.Message}", new EventSubject { VmId = vm.Id }));
        return (attachment, job);
    }

    private void CheckDisk(Vm vm, Disk disk)
    {
        Guard.DiskUnlocked(disk, CannotAttach);
        Guard.DisksLegal([disk], CannotAttach);
        Guard.NotTransferred(State, disk, CannotAttach);
        Guard.NotDuringBackup(vm, CannotAttach);
        CheckDomain(vm, disk);
        if (!disk.Shareable && State.AttachmentsOf(disk.Id).Any())
        {
            throw ApiFault.Conflict($"{CannotAttach}: The disk {disk.Name} is already attached to a VM and is not shareable.");
        }
    }

    private void CheckDomain(Vm vm, Disk disk)
    {
        var domain = State.StorageDomains[disk.StorageDomainId];
        Guard.DomainActive(domain, CannotAttach);
        if (domain.DataCenterId != State.DataCenterOf(vm)?.Id)
        {
            throw ApiFault.Conflict($"{CannotAttach}: The Storage Domain of the disk is not attached to the VM's Data Center.");
        }
    }

    private void CheckSnapshot(Vm vm, Disk disk, Guid snapshotId)
    {
        var snapshot = State.Vms.Values.SelectMany(v => v.Snapshots).FirstOrDefault(s => s.Id == snapshotId);
        if (snapshot is null || !snapshot.Volumes.TryGetValue(disk.Id, out var image))
        {
            throw new ApiFault(404, "Operation Failed", $"[{CannotAttach}. The disk {disk.Name} has no snapshot {snapshotId}.]");
        }

        if (snapshot.Type != "regular" || snapshot.Status != SnapshotStatus.Ok)
        {
            throw ApiFault.Conflict($"{CannotAttach}: Disk's snapshot is not a regular snapshot in status OK.");
        }

        if (disk.Volumes.Find(v => v.ImageId == image) is { Status: DiskStatus.Locked })
        {
            throw ApiFault.Conflict($"{CannotAttach}: Disk is locked. Please try again later.");
        }

        Guard.DisksLegal([disk], CannotAttach);
        CheckDomain(vm, disk);
    }

    private async Task SetActiveAsync(Vm vm, DiskAttachment attachment, bool active, CommandScope scope)
    {
        var disk = State.Disks[attachment.DiskId];
        var cannot = active ? CannotPlug : CannotUnplug;
        if (vm.Status is not (VmStatus.Down or VmStatus.Up or VmStatus.Paused))
        {
            throw ApiFault.Conflict($"{cannot}: VM is not Up, Paused or Down.");
        }

        if (attachment.SnapshotId is null)
        {
            Guard.DiskUnlocked(disk, cannot);
            Guard.NotDuringBackup(vm, cannot);
        }

        if (vm.IsRunning)
        {
            await (active ? PlugAsync(vm, attachment) : UnplugAsync(vm, attachment));
        }

        attachment.Active = active;
        var word = active ? "plugged" : "unplugged";
        engine.Event(active ? 2000 : 2002, "normal", $"VM {vm.Name} {disk.Name} disk was {word} by {engine.Options.User}.", new EventSubject { VmId = vm.Id }, scope.CorrelationId);
    }

    private async Task PlugAsync(Vm vm, DiskAttachment attachment)
    {
        var disk = State.Disks[attachment.DiskId];
        var plugged = false;
        try
        {
            if (attachment.SnapshotId is null)
            {
                await engine.Storage.HotPlugAsync(vm.Id, disk.Id, engine.Stopping);
                plugged = true;
            }

            await engine.Devices.PlugAsync(vm, attachment, engine.Stopping);
        }
        catch (Storage.StorageException e)
        {
            if (plugged)
            {
                await engine.Storage.HotUnplugAsync(vm.Id, disk.Id, engine.Stopping);
            }

            // A failed hot plug fails the call and leaves nothing attached.
            engine.Event(2001, "error", $"Failed to plug disk {disk.Name} to VM {vm.Name}: {e.Message}", new EventSubject { VmId = vm.Id }, null);
            throw ApiFault.BadRequest($"Failed to plug disk {disk.Name}: {e.Message}");
        }
    }

    private async Task UnplugAsync(Vm vm, DiskAttachment attachment)
    {
        try
        {
            await engine.Devices.UnplugAsync(vm, attachment.DiskId, engine.Stopping);
        }
        catch (Storage.StorageException e) when (e.Failure == Storage.StorageFailure.Busy)
        {
            // A real host takes the disk away under its user. Here that would hide an order of steps that loses data.
            throw ApiFault.Conflict($"{CannotUnplug}: {e.Message}");
        }

        if (attachment.SnapshotId is null)
        {
            await engine.Storage.HotUnplugAsync(vm.Id, attachment.DiskId, engine.Stopping);
        }
    }
}
