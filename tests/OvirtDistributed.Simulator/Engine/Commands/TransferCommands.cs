// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Acceptance of image transfers and of the actions on them. Called with the gate held; <see cref="TransferRun"/> does the work.</summary>
internal sealed class TransferCommands(EngineContext engine, DiskCommands disks)
{
    private const string Cannot = "Cannot transfer Virtual Disk";
    private const long DefaultInactivitySeconds = 60;

    private readonly TransferRun _run = new(engine, disks);

    private EngineState State => engine.State;

    public (ImageTransfer Transfer, EngineJob Job) Create(WireNode body, CommandScope scope)
    {
        var (disk, image) = Target(body);
        var upload = (body.Value("direction") ?? "upload") switch
        {
            "upload" => true,
            "download" => false,
            var other => throw ApiFault.BadRequest($"{other} is not a member of ImageTransferDirection. Possible values for ImageTransferDirection are: download, upload"),
        };
        var format = body.Value("format") ?? disk.Format;
        var shallow = body.Flag("shallow") ?? false;
        if (shallow && (upload || format != "raw"))
        {
            throw ApiFault.BadRequest($"{Cannot}. Shallow transfer is supported only for download in raw format.");
        }

        var backup = FindBackup(body, disk, format);
        CheckTarget(disk, image, upload, backup);
        var transfer = new ImageTransfer
        {
            Id = Guid.NewGuid(),
            DiskId = disk.Id,
            ImageId = image,
            BackupId = backup?.Backup.Id,
            LockedImageId = image ?? SnapshotVolume(backup, disk),
            Upload = upload,
            Format = format,
            // Only an explicit "raw" gives guest data through NBD; otherwise the volume file's bytes are served.
            FileBackend = body.Value("format") != "raw",
            Shallow = shallow,
            HostId = ChooseHost(body, disk, backup),
            InactivityTimeout = TimeSpan.FromSeconds(body.Number("inactivity_timeout") ?? DefaultInactivitySeconds),
            TimeoutPolicy = Policy(body),
        };
        State.Transfers.Add(transfer.Id, transfer);
        Lock(disk, transfer.LockedImageId, backup is not null);
        engine.Event(1031, "normal", $"Image {(upload ? "Upload" : "Download")} with disk {disk.Name} was initiated by {engine.Options.User}.", DiskCommands.Subject(disk), scope.CorrelationId);
        return (transfer, _run.Start(transfer, disk, scope));
    }

    /// <summary>Touches only the engine's record; the daemon's clock goes on.</summary>
    public EngineJob Extend(ImageTransfer transfer, CommandScope scope)
    {
        if (transfer.Finished)
        {
            throw ApiFault.BadRequest("Cannot extend image transfer. The transfer is finished.");
        }

        return engine.Done(scope, $"Extending image transfer {transfer.Id}");
    }

    public EngineJob Pause(ImageTransfer transfer, CommandScope scope)
    {
        if (!transfer.Upload)
        {
            throw ApiFault.BadRequest("Cannot pause image download.");
        }

        if (transfer.Phase is not (TransferPhase.Transferring or TransferPhase.Initializing or TransferPhase.Resuming))
        {
            throw ApiFault.Conflict($"Cannot pause image transfer: the transfer is in phase {transfer.Phase}.");
        }

        return Enter(transfer, TransferPhase.PausedUser, "Pausing", scope);
    }

    public EngineJob Resume(ImageTransfer transfer, CommandScope scope)
    {
        if (transfer.Phase is not (TransferPhase.PausedUser or TransferPhase.PausedSystem))
        {
            throw ApiFault.Conflict("Cannot resume image transfer: the transfer is not paused.");
        }

        return Enter(transfer, TransferPhase.Resuming, "Resuming", scope);
    }

    public EngineJob Cancel(ImageTransfer transfer, CommandScope scope)
    {
        if (IsEnding(transfer))
        {
            return engine.Done(scope, $"Cancelling image transfer {transfer.Id}");
        }

        return Enter(transfer, TransferPhase.CancelledUser, "Cancelling", scope);
    }

    public EngineJob Finalize(ImageTransfer transfer, CommandScope scope)
    {
        if (IsEnding(transfer))
        {
            return engine.Done(scope, $"Finalizing image transfer {transfer.Id}");
        }

        if (transfer.Phase == TransferPhase.Initializing)
        {
            throw ApiFault.Conflict("Cannot finalize image transfer: the transfer is still initializing.");
        }

        return Enter(transfer, TransferPhase.FinalizingSuccess, "Finalizing", scope);
    }

    // Once it is on its way to an end, another finalize or cancel changes nothing.
    private static bool IsEnding(ImageTransfer transfer) => transfer.Finished
        || transfer.Phase is TransferPhase.FinalizingSuccess or TransferPhase.FinalizingFailure or TransferPhase.FinalizingCleanup
            or TransferPhase.FinishedCleanup or TransferPhase.CancelledUser or TransferPhase.CancelledSystem;

    private static string Policy(WireNode body) => (body.Value("timeout_policy") ?? "legacy") switch
    {
        "legacy" => "legacy",
        "pause" => "pause",
        "cancel" => "cancel",
        var other => throw ApiFault.BadRequest($"{other} is not a member of ImageTransferTimeoutPolicy. Possible values for ImageTransferTimeoutPolicy are: cancel, legacy, pause"),
    };

    /// <summary>The volume that a hybrid backup of the disk reads.</summary>
    private static Guid? SnapshotVolume((Vm Vm, Backup Backup)? backup, Disk disk) =>
        backup is { Backup.SnapshotId: { } id } && backup.Value.Vm.Snapshots.Find(s => s.Id == id) is { } snapshot
            && snapshot.Volumes.TryGetValue(disk.Id, out var image)
        ? image
        : null;

    private static void Lock(Disk disk, Guid? image, bool inBackup)
    {
        if (image is { } layer)
        {
            disk.Volumes.Find(v => v.ImageId == layer)?.Status = DiskStatus.Locked;
        }
        else if (!inBackup)
        {
            disk.Status = DiskStatus.Locked;
        }
    }

    private EngineJob Enter(ImageTransfer transfer, string phase, string verb, CommandScope scope)
    {
        transfer.Phase = phase;
        transfer.Operation?.Hold(scope);
        transfer.Wake.TrySetResult();
        return engine.Done(scope, $"{verb} image transfer {transfer.Id}");
    }

    private (Disk Disk, Guid? Image) Target(WireNode body)
    {
        if (body.ReferenceId("snapshot") is { } image)
        {
            var owner = State.Disks.Values.FirstOrDefault(d => d.OwnVolumes.Any(v => v.ImageId == image))
                ?? throw ApiFault.BadRequest($"{Cannot}. The specified disk snapshot {image} does not exist.");
            return (owner, image);
        }

        var id = body.ReferenceId("disk") ?? body.ReferenceId("image")
            ?? throw ApiFault.Incomplete("ImageTransfer", "image.id|disk.id|snapshot.id", "add");
        return State.Disks.TryGetValue(id, out var disk)
            ? (disk, null)
            : throw ApiFault.BadRequest($"{Cannot}. The specified disk {id} does not exist.");
    }

    private (Vm Vm, Backup Backup)? FindBackup(WireNode body, Disk disk, string format)
    {
        if (body.ReferenceId("backup") is not { } id)
        {
            return null;
        }

        var vm = State.Vms.Values.FirstOrDefault(v => v.Backups.Exists(b => b.Id == id))
            ?? throw ApiFault.BadRequest($"{Cannot}. The specified backup {id} does not exist.");
        var backup = vm.Backups.Find(b => b.Id == id)!;
        if (backup.Phase != BackupPhase.Ready)
        {
            throw ApiFault.Conflict($"{Cannot}: The VM backup is not in READY phase, backup phase is {backup.Phase}. Please try again when the backup is in READY phase.");
        }

        if (format == "cow")
        {
            throw ApiFault.BadRequest($"{Cannot}. The transfer format must be RAW for a backup.");
        }

        return backup.Disks.ContainsKey(disk.Id)
            ? (vm, backup)
            : throw ApiFault.BadRequest($"{Cannot}. The disk {disk.Id} is not part of backup {id}.");
    }

    private void CheckTarget(Disk disk, Guid? image, bool upload, (Vm Vm, Backup Backup)? backup)
    {
        Guard.NotTransferred(State, disk, Cannot);
        Guard.DomainActive(State.StorageDomains[disk.StorageDomainId], Cannot);
        if (disk.Status == DiskStatus.Illegal && !upload)
        {
            throw ApiFault.Internal($"{Cannot}: The following attached disks are in ILLEGAL status: {disk.Name} - please remove them and try again.");
        }

        if (backup is not null)
        {
            return;
        }

        Guard.DiskUnlocked(disk, Cannot);
        var live = image is null || image == disk.Active.ImageId;
        var plugged = State.AttachmentsOf(disk.Id).Where(a => a.Attachment.Active && !a.Vm.IsDown).Select(a => a.Vm.Name).ToList();
        if (live && plugged.Count > 0)
        {
            throw ApiFault.Conflict($"{Cannot}: The disk {disk.Name} is plugged to non-Down VMs: {string.Join(", ", plugged)}.");
        }

        foreach (var (vm, _) in State.AttachmentsOf(disk.Id))
        {
            Guard.NoSnapshotWork(vm, Cannot);
        }
    }

    private Guid ChooseHost(WireNode body, Disk disk, (Vm Vm, Backup Backup)? backup)
    {
        if (backup is { Vm.HostId: { } running })
        {
            return running;
        }

        var dataCenter = State.StorageDomains[disk.StorageDomainId].DataCenterId;
        var able = State.Hosts.Values.Where(h => h.Status == "up" && State.Clusters[h.ClusterId].DataCenterId == dataCenter).ToList();
        if (body.Child("host") is { } wanted)
        {
            var host = Lookup.Host(State, wanted, "ImageTransfer", "add");
            return able.Contains(host)
                ? host.Id
                : throw ApiFault.Conflict($"{Cannot}: The host {host.Name} is not Up or does not belong to the disk's data center.");
        }

        // The least busy one: deterministic, and spreads parallel transfers as the engine's random choice does on average.
        return able.MinBy(h => State.Transfers.Values.Count(t => t.HostId == h.Id && !t.Finished))?.Id
            ?? throw ApiFault.Conflict($"{Cannot}: There is no active Host in the Data Center.");
    }
}
