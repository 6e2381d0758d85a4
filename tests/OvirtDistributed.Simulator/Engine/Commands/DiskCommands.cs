// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Life of a disk: create, change, convert, move, remove. All methods are called with the gate held.</summary>
internal sealed class DiskCommands(EngineContext engine)
{
    private const string CannotAdd = "Cannot add Virtual Disk";
    private const string CannotEdit = "Cannot edit Virtual Disk";
    private const string CannotRemove = "Cannot remove Virtual Disk";

    private EngineState State => engine.State;

    /// <summary>Accepts a new disk and creates its volume in the background.</summary>
    public (Disk Disk, EngineJob Job) Create(WireNode body, CommandScope scope)
    {
        var disk = Build(body);
        State.Disks.Add(disk.Id, disk);
        var job = engine.Start(
            scope,
            $"Adding Disk {disk.Name}",
            async op =>
            {
                await op.StepAsync();
                await engine.Storage.CreateDiskAsync(
                    new DiskSpec(disk.Id, disk.Active.ImageId, FormatOf(disk), disk.Sparse, disk.ProvisionedSize), engine.Stopping);
                await RefreshSizesAsync(op, disk);
                await op.ApplyAsync(() => disk.Status = DiskStatus.Ok);
            },
            (op, e) =>
            {
                disk.Status = DiskStatus.Illegal;
                op.Event(2022, "error", $"The disk '{disk.Name}' could not be added: {e.Message}", Subject(disk));
            });
        return (disk, job);
    }

    /// <summary>Applies what the body names: name, description, backup, size.</summary>
    public EngineJob? Update(Disk disk, WireNode body, CommandScope scope)
    {
        Guard.DiskUnlocked(disk, CannotEdit);
        Guard.NotTransferred(State, disk, CannotEdit);
        if (body.Value("backup") is { } backup)
        {
            SetBackup(disk, backup);
        }

        disk.Name = body.Value("alias") ?? body.Value("name") ?? disk.Name;
        disk.Description = body.Value("description") ?? disk.Description;
        disk.Shareable = body.Flag("shareable") ?? disk.Shareable;
        disk.WipeAfterDelete = body.Flag("wipe_after_delete") ?? disk.WipeAfterDelete;
        disk.PropagateErrors = body.Flag("propagate_errors") ?? disk.PropagateErrors;
        return body.Number("provisioned_size") is { } size && size != disk.ProvisionedSize ? Extend(disk, size, scope) : null;
    }

    /// <summary>Accepts the removal of a disk with all its layers.</summary>
    public EngineJob Remove(Disk disk, CommandScope scope)
    {
        if (disk.Removing)
        {
            throw ApiFault.Conflict($"{CannotRemove}: Related operation is currently in progress. Please try again later.");
        }

        Guard.DiskUnlocked(disk, CannotRemove);
        Guard.NotTransferred(State, disk, CannotRemove);
        foreach (var vm in State.Vms.Values)
        {
            if (vm.Attachments.Find(a => a.DiskId == disk.Id) is not { } attachment)
            {
                continue;
            }

            if (attachment.SnapshotId is not null)
            {
                throw ApiFault.Conflict($"{CannotRemove}: The following VM's disks snapshots are attached to other VMs (Disk Alias/VMs attached to): {disk.Name}/{vm.Name}.");
            }

            Guard.VmFree(vm, CannotRemove);
            if (attachment.Active && !vm.IsDown)
            {
                throw ApiFault.Conflict($"{CannotRemove}: The disk {disk.Name} is plugged to non-Down VMs: {vm.Name}.");
            }

            Guard.NotDuringBackup(vm, CannotRemove);
        }

        return RemoveUnchecked(disk, scope);
    }

    /// <summary>Removes a disk whatever its state: the end of a failed upload, or of a VM.</summary>
    public EngineJob RemoveUnchecked(Disk disk, CommandScope scope)
    {
        disk.Removing = true;
        disk.Status = DiskStatus.Locked;
        return engine.Start(
            scope,
            $"Removing Disk {disk.Name}",
            async op =>
            {
                await op.StepAsync();
                await RemoveNowAsync(op, disk);
            },
            (op, e) =>
            {
                disk.Removing = false;
                disk.Status = DiskStatus.Illegal;
                op.Event(2015, "error", $"Failed to remove disk {disk.Name}: {e.Message}", Subject(disk));
            });
    }

    /// <summary>The removal itself, for commands that remove disks as one of their steps.</summary>
    public async Task RemoveNowAsync(Operation op, Disk disk)
    {
        await engine.Storage.DeleteDiskAsync(disk.Id, engine.Stopping);
        await op.ApplyAsync(() =>
        {
            State.Disks.Remove(disk.Id);
            foreach (var vm in State.Vms.Values)
            {
                vm.Attachments.RemoveAll(a => a.DiskId == disk.Id);
                vm.Snapshots.ForEach(s => s.Volumes.Remove(disk.Id));
                vm.Checkpoints.ForEach(c => c.Disks.Remove(disk.Id));
            }

            op.Event(2014, "normal", $"Disk {disk.Name} was successfully removed from domain {State.StorageDomains[disk.StorageDomainId].Name} (User {engine.Options.User}).", Subject(disk));
        });
    }

    /// <summary>Rewrites a disk in another format or allocation.</summary>
    public EngineJob Convert(Disk disk, WireNode action, CommandScope scope)
    {
        const string cannot = "Cannot convert Disk";
        var format = action.Value("disk/format") ?? disk.Format;
        var sparse = action.Child("disk")?.Flag("sparse") ?? disk.Sparse;
        Guard.DiskUnlocked(disk, cannot);
        Guard.NotTransferred(State, disk, cannot);
        if (disk.Volumes.Count > 1)
        {
            throw ApiFault.Conflict($"{cannot}: Disk {disk.Name} has snapshots.");
        }

        foreach (var (vm, _) in State.AttachmentsOf(disk.Id).Where(a => !a.Vm.IsDown))
        {
            throw ApiFault.Conflict($"{cannot}: The disk {disk.Name} is plugged to non-Down VMs: {vm.Name}.");
        }

        CheckLegal(State.StorageDomains[disk.StorageDomainId], format, sparse, format == "raw" ? "none" : disk.Backup, cannot);
        disk.Status = DiskStatus.Locked;
        return engine.Start(
            scope,
            $"Converting Disk {disk.Name}",
            async op =>
            {
                await op.StepAsync();
                await engine.Storage.ConvertDiskAsync(disk.Id, format == "cow" ? VolumeFormat.Cow : VolumeFormat.Raw, engine.Stopping);
                await RefreshSizesAsync(op, disk);
                await op.ApplyAsync(() =>
                {
                    disk.Format = disk.Active.Format = format;
                    disk.Sparse = disk.Active.Sparse = sparse;
                    disk.Backup = format == "raw" ? "none" : disk.Backup;
                    disk.Status = DiskStatus.Ok;
                });
            },
            (_, _) => disk.Status = DiskStatus.Ok);
    }

    /// <summary>Moves a disk to another domain: the volumes stay where they are, only the engine's view changes.</summary>
    public EngineJob Move(Disk disk, WireNode action, CommandScope scope)
    {
        const string cannot = "Cannot move Virtual Disk";
        var target = Lookup.Domain(State, action.Child("storage_domain"), "Action", "move");
        Guard.DiskUnlocked(disk, cannot);
        Guard.NotTransferred(State, disk, cannot);
        Guard.DomainActive(target, cannot);
        CheckLegal(target, disk.Format, disk.Sparse, disk.Backup, cannot);
        foreach (var (vm, _) in State.AttachmentsOf(disk.Id))
        {
            Guard.NoSnapshotWork(vm, cannot);
            Guard.NotDuringBackup(vm, cannot);
        }

        disk.Status = DiskStatus.Locked;
        return engine.Start(
            scope,
            $"Moving Disk {disk.Name}",
            async op =>
            {
                await op.StepAsync();
                await op.StepAsync();
                await op.ApplyAsync(() =>
                {
                    disk.StorageDomainId = target.Id;
                    disk.DiskProfileId = State.DiskProfiles.Values.FirstOrDefault(p => p.StorageDomainId == target.Id)?.Id;
                    disk.Status = DiskStatus.Ok;
                });
            },
            (_, _) => disk.Status = DiskStatus.Ok);
    }

    /// <summary>Takes the sizes of the layers from storage.</summary>
    public async Task RefreshSizesAsync(Operation op, Disk disk)
    {
        var chain = await engine.Storage.GetChainAsync(disk.Id, engine.Stopping);
        await op.ApplyAsync(() => ApplySizes(disk, chain));
    }

    /// <summary>The same outside an operation, with the gate held.</summary>
    public async Task RefreshSizesAsync(Disk disk, CancellationToken cancellationToken) =>
        ApplySizes(disk, await engine.Storage.GetChainAsync(disk.Id, cancellationToken));

    public static EventSubject Subject(Disk disk) => new() { StorageDomainId = disk.StorageDomainId };

    public static VolumeFormat FormatOf(Disk disk) => disk.IsCow ? VolumeFormat.Cow : VolumeFormat.Raw;

    /// <summary>Refuses combinations of format and allocation the storage type does not allow.</summary>
    public static void CheckLegal(StorageDomain domain, string format, bool sparse, string backup, string cannot)
    {
        var incremental = backup == "incremental";
        var legal = (format, sparse) switch
        {
            ("raw", false) => !incremental,
            ("raw", true) => !incremental && !domain.IsBlock,
            ("cow", true) => true,
            ("cow", false) => incremental,
            _ => throw ApiFault.BadRequest($"{format} is not a member of DiskFormat. Possible values for DiskFormat are: cow, raw"),
        };
        if (!legal)
        {
            throw ApiFault.Conflict(
                $"{cannot}: Disk configuration ({format.ToUpperInvariant()} {(sparse ? "Sparse" : "Preallocated")} backup-{(incremental ? "Incremental" : "None")}) is incompatible with the storage domain type.");
        }
    }

    private static void ApplySizes(Disk disk, IReadOnlyList<VolumeState> chain)
    {
        foreach (var state in chain)
        {
            if (disk.Volumes.Find(v => v.ImageId == state.ImageId) is { } volume)
            {
                volume.ActualSize = state.ActualSizeBytes;
                volume.Format = state.Format == VolumeFormat.Cow ? "cow" : "raw";
            }
        }

        disk.Format = disk.Active.Format;
    }

    private Disk Build(WireNode body)
    {
        var size = body.Number("provisioned_size") ?? throw ApiFault.Incomplete("Disk", "provisionedSize", "add");
        var format = body.Value("format") ?? throw ApiFault.Incomplete("Disk", "format", "add");
        var domain = Lookup.Domain(State, body.Items("storage_domains") is [{ } first, ..] ? first : null, "Disk", "add");
        var sparse = body.Flag("sparse") ?? true;
        var backup = body.Value("backup") ?? "none";
        Guard.DomainActive(domain, CannotAdd);
        CheckLegal(domain, format, sparse, backup, CannotAdd);
        if (size <= 0 || (domain.IsBlock && size > 8192L << 30))
        {
            throw ApiFault.BadRequest($"{CannotAdd}. Disk size {size} is out of range.");
        }

        var id = body.Guid() ?? Guid.NewGuid();
        if (State.Disks.ContainsKey(id))
        {
            throw ApiFault.BadRequest($"{CannotAdd}. Disk with the same ID already exists.");
        }

        var disk = new Disk
        {
            Id = id,
            Name = body.Value("alias") ?? body.Value("name") ?? string.Empty,
            Description = body.Value("description"),
            StorageDomainId = domain.Id,
            DiskProfileId = body.ReferenceId("disk_profile") ?? State.DiskProfiles.Values.FirstOrDefault(p => p.StorageDomainId == domain.Id)?.Id,
            Format = format,
            Sparse = sparse,
            // Storage works in whole sectors; files in 4 KiB.
            ProvisionedSize = (size + 4095) / 4096 * 4096,
            InitialSize = body.Number("initial_size"),
            Backup = backup,
            ContentType = body.Value("content_type") ?? "data",
            Shareable = body.Flag("shareable") ?? false,
            WipeAfterDelete = body.Flag("wipe_after_delete") ?? false,
            PropagateErrors = body.Flag("propagate_errors") ?? false,
            CreationDate = engine.Now,
        };
        var image = string.IsNullOrEmpty(body.Value("image_id")) ? Guid.NewGuid() : WireValues.ParseGuid(body.Value("image_id")!);
        disk.Volumes.Add(new Volume { ImageId = image, Format = format, Sparse = sparse });
        return disk;
    }

    private static void SetBackup(Disk disk, string backup)
    {
        if (backup is not ("none" or "incremental"))
        {
            throw ApiFault.BadRequest($"{backup} is not a member of DiskBackup. Possible values for DiskBackup are: incremental, none");
        }

        if (backup == "incremental" && !disk.IsCow)
        {
            throw ApiFault.BadRequest($"{CannotEdit}. Incremental backup is not supported for RAW format disks.");
        }

        disk.Backup = backup;
    }

    private EngineJob Extend(Disk disk, long size, CommandScope scope)
    {
        if (size < disk.ProvisionedSize)
        {
            throw ApiFault.Conflict($"{CannotEdit}: New disk size must be larger than the current disk size.");
        }

        foreach (var (vm, _) in State.AttachmentsOf(disk.Id))
        {
            Guard.NotDuringBackup(vm, CannotEdit);
        }

        disk.Status = DiskStatus.Locked;
        return engine.Start(
            scope,
            $"Extending Disk {disk.Name}",
            async op =>
            {
                await op.StepAsync();
                await engine.Storage.ResizeDiskAsync(disk.Id, size, engine.Stopping);
                await RefreshSizesAsync(op, disk);
                await op.ApplyAsync(() =>
                {
                    disk.ProvisionedSize = size;
                    disk.Status = DiskStatus.Ok;
                });
            },
            (_, _) => disk.Status = DiskStatus.Ok);
    }
}
