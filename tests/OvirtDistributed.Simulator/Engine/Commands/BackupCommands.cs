// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Acceptance of VM backups, their finalization, and checkpoints. Called with the gate held; <see cref="BackupRun"/> does the work.</summary>
internal sealed class BackupCommands(EngineContext engine, SnapshotCommands snapshots, VmCommands vms)
{
    private const string CannotStart = "Cannot start VM backup";
    private const string CannotStop = "Cannot stop VM backup";
    private const string CannotRemove = "Cannot delete VM checkpoint";
    private const int MaxDescription = 1024;

    private readonly BackupRun _run = new(engine, snapshots, vms);

    private EngineState State => engine.State;

    /// <summary>
    /// Accepts a backup. <paramref name="requireConsistency"/>: fail when the guest cannot be frozen (not passed on for hybrid backups, as on engines);
    /// <paramref name="legacy"/>: never the hybrid kind.
    /// </summary>
    public (Backup Backup, EngineJob Job) Start(Vm vm, WireNode body, bool requireConsistency, bool legacy, CommandScope scope)
    {
        var id = body.Guid() ?? Guid.NewGuid();
        if (State.Vms.Values.Any(v => v.Backups.Exists(b => b.Id == id)))
        {
            throw ApiFault.BadRequest($"{CannotStart}. The VM backup ID {id} already exists.");
        }

        if (body.Value("description") is { Length: > MaxDescription })
        {
            throw ApiFault.BadRequest($"{CannotStart}. The description is longer than {MaxDescription} characters.");
        }

        var level = State.Clusters[vm.ClusterId].Version;
        var disks = ChooseDisks(vm, body);
        var from = FindCheckpoint(vm, body);
        CheckVm(vm);
        CheckLevel(level, vm, disks, from);
        var hybrid = !legacy && engine.Options.HybridBackupFrom is { } first && level >= first;
        var backup = new Backup
        {
            Id = id,
            VmId = vm.Id,
            Kind = hybrid ? BackupKind.Hybrid : vm.IsDown ? BackupKind.Cold : BackupKind.Live,
            Description = body.Value("description"),
            FromCheckpointId = from?.Id,
            CreationDate = engine.Now,
            ModificationDate = engine.Now,
            HostId = vm.HostId ?? State.Hosts.Values.FirstOrDefault(h => h.ClusterId == vm.ClusterId && h.Status == "up")?.Id,
            Disks = disks.ToDictionary(d => d.Id, d => from is not null && d.IsCow && from.Disks.Contains(d.Id) ? "incremental" : "full"),
        };
        if (backup.HostId is null)
        {
            throw ApiFault.Conflict($"{CannotStart}: There is no active Host in the Data Center.");
        }

        vm.Backups.Add(backup);
        if (hybrid)
        {
            // Only until its snapshot has been taken.
            vm.LockedBy = SnapshotCommands.Busy;
        }
        else
        {
            disks.ForEach(d => d.Status = DiskStatus.Locked);
        }

        engine.Event(10790, "normal", $"Backup {id} for VM {vm.Name} started (User: {engine.Options.User}).", PowerCommands.Subject(vm), scope.CorrelationId);
        return (backup, _run.Start(vm, backup, disks, requireConsistency && !hybrid, scope));
    }

    public EngineJob Finalize(Vm vm, Backup backup, CommandScope scope)
    {
        if (backup.Phase is BackupPhase.Finalizing or BackupPhase.Succeeded or BackupPhase.Failed)
        {
            throw ApiFault.BadRequest($"{CannotStop}. The VM backup is already in '{backup.Phase}' phase, no need to stop the backup again.");
        }

        if (State.Transfers.Values.Any(t => t.BackupId == backup.Id && !t.Finished))
        {
            throw ApiFault.Conflict($"{CannotStop}: There is an active image transfer for VM backup.");
        }

        if (backup.Phase != BackupPhase.Ready)
        {
            // A hybrid backup is only marked as stopped and runs to its end; the other kinds fail.
            backup.AbortReason = backup.Kind == BackupKind.Hybrid ? null : "a premature backup stop was initiated";
            backup.FinalizeRequested.TrySetResult();
            if (backup.Kind != BackupKind.Hybrid)
            {
                throw ApiFault.Conflict($"{CannotStop}: The VM backup is not in READY phase, backup phase is {backup.Phase}. A premature backup stop was initiated.");
            }

            backup.MergeFails |= scope.FailsMerge;
            backup.Operation?.Hold(scope);
            engine.Event(10796, "normal", $"Backup {backup.Id} for VM {vm.Name} was stopped (User: {engine.Options.User}).", PowerCommands.Subject(vm), scope.CorrelationId);
            return engine.Done(scope, $"Stopping backup {backup.Id} of VM {vm.Name}");
        }

        backup.Phase = BackupPhase.Finalizing;
        backup.ModificationDate = engine.Now;
        backup.MergeFails |= scope.FailsMerge;
        backup.Operation?.Hold(scope);
        backup.FinalizeRequested.TrySetResult();
        engine.Event(10794, "normal", $"Backup {backup.Id} for VM {vm.Name} finalized (User: {engine.Options.User}).", PowerCommands.Subject(vm), scope.CorrelationId);
        return engine.Done(scope, $"Finalizing backup {backup.Id} of VM {vm.Name}");
    }

    public EngineJob RemoveCheckpoint(Vm vm, Checkpoint checkpoint, CommandScope scope)
    {
        Guard.VmFree(vm, CannotRemove);
        if (State.OpenBackupOf(vm) is not null)
        {
            throw ApiFault.Conflict($"{CannotRemove}: The VM is during a backup operation.");
        }

        if (vm.Checkpoints.Exists(c => c.Removing))
        {
            throw ApiFault.Conflict($"{CannotRemove}: Related operation is currently in progress. Please try again later.");
        }

        var disks = checkpoint.Disks.Where(State.Disks.ContainsKey).Select(d => State.Disks[d]).ToList();
        Guard.DisksUnlocked(disks, CannotRemove);
        disks.ForEach(d => Guard.NotTransferred(State, d, CannotRemove));
        checkpoint.Removing = true;
        return engine.Start(
            scope,
            $"Deleting checkpoint {checkpoint.Id} of VM {vm.Name}",
            async op =>
            {
                await op.StepAsync();
                await engine.Storage.RemoveCheckpointAsync(checkpoint.Id, checkpoint.ParentId, [.. disks.Select(d => d.Id)], engine.Stopping);
                await op.ApplyAsync(() =>
                {
                    vm.Checkpoints.Where(c => c.ParentId == checkpoint.Id).ToList().ForEach(c => c.ParentId = checkpoint.ParentId);
                    vm.Checkpoints.Remove(checkpoint);
                    op.Event(10797, "normal", $"Checkpoint {checkpoint.Id} for VM {vm.Name} was deleted.", PowerCommands.Subject(vm));
                });
            },
            (op, e) =>
            {
                checkpoint.Removing = false;
                op.Event(10798, "error", $"Failed to delete checkpoint {checkpoint.Id} for VM {vm.Name}: {e.Message}", PowerCommands.Subject(vm));
            });
    }

    private List<Disk> ChooseDisks(Vm vm, WireNode body)
    {
        if (body.Items("disks") is not { Count: > 0 } listed)
        {
            throw ApiFault.Incomplete("Backup", "disks", "add");
        }

        var disks = new List<Disk>();
        foreach (var item in listed)
        {
            var id = item.Guid() ?? throw ApiFault.Incomplete("Backup", "disks.id", "add");
            if (!State.Disks.TryGetValue(id, out var disk))
            {
                throw ApiFault.BadRequest($"{CannotStart}. The following disks do not exist: {id}.");
            }

            // The engine has no answer for a disk of another VM but an internal error.
            var attachment = vm.Attachments.Find(a => a.DiskId == id && a.SnapshotId is null)
                ?? throw ApiFault.Internal($"{CannotStart}: disk {id} is not attached to VM {vm.Name}.");
            if (!attachment.Active)
            {
                throw ApiFault.Conflict($"{CannotStart}: The following disks are not active: {disk.Name}. Please activate them and try again.");
            }

            if (!disk.Shareable && disk.StorageType == "image" && !disks.Contains(disk))
            {
                disks.Add(disk);
            }
        }

        Guard.DisksUnlocked(disks, CannotStart);
        Guard.DisksLegal(disks, CannotStart);
        disks.ForEach(d => Guard.NotTransferred(State, d, CannotStart));
        return disks;
    }

    private static Checkpoint? FindCheckpoint(Vm vm, WireNode body)
    {
        if (string.IsNullOrEmpty(body.Value("from_checkpoint_id")))
        {
            return null;
        }

        var id = WireValues.ParseGuid(body.Value("from_checkpoint_id")!);
        var checkpoint = vm.Checkpoints.Find(c => c.Id == id && !c.Removing)
            ?? throw ApiFault.BadRequest($"{CannotStart}. The specified checkpoint {id} does not exist.");
        return checkpoint.State == "invalid"
            ? throw ApiFault.BadRequest($"{CannotStart}. The specified checkpoint {id} is invalid. Please remove it and perform a full backup.")
            : checkpoint;
    }

    private void CheckVm(Vm vm)
    {
        if (vm.Status is not (VmStatus.Up or VmStatus.Down))
        {
            throw ApiFault.Conflict($"{CannotStart}: The Virtual Machine should be in Up or Down status.");
        }

        Guard.VmFree(vm, CannotStart);
        if (State.OpenBackupOf(vm) is not null)
        {
            throw ApiFault.Conflict($"{CannotStart}: The VM is during a backup operation.");
        }

        if (vm.Checkpoints.Exists(c => c.Removing))
        {
            throw ApiFault.Conflict($"{CannotStart}: Related operation is currently in progress. Please try again later.");
        }
    }

    private static void CheckLevel(Version level, Vm vm, List<Disk> disks, Checkpoint? from)
    {
        if (level >= ClusterLevel.MixedBackup)
        {
            return;
        }

        if (vm.IsDown)
        {
            throw ApiFault.BadRequest($"{CannotStart}. Incremental backup is not supported for VMs that are down at this cluster level.");
        }

        var plain = disks.Where(d => d.Backup != "incremental").Select(d => d.Name).ToList();
        if (plain.Count > 0)
        {
            throw ApiFault.Conflict($"{CannotStart}: The following disks are not enabled for incremental backup: {string.Join(',', plain)}.");
        }

        if (from is not null && disks.Exists(d => !from.Disks.Contains(d.Id)))
        {
            throw ApiFault.BadRequest($"{CannotStart}. Mixing incremental and full backup of disks is not supported at this cluster level.");
        }
    }
}
