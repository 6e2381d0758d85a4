// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    /// <summary>Name of the bitmap that a backup exports when it is merged from several.</summary>
    private const string MergedBitmap = "backup-dirty";

    public async Task StartBackupAsync(BackupSpec spec, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(spec.Disks.Select(d => d.DiskId), cancellationToken);
        var vm = _vms.GetValueOrDefault(spec.VmId);
        foreach (var disk in hold.All)
        {
            disk.RequireIdle("a backup");
            if (disk.Vm != vm)
            {
                throw new StorageException(StorageFailure.Busy, $"Disk {disk.Id} is not plugged to VM {spec.VmId} as it runs now.");
            }
        }

        var bySnapshot = spec.Disks.Any(d => d.NewImage is not null);
        var backup = new BackupEntry(spec.BackupId, spec.VmId, bySnapshot ? null : vm);
        if (!_backups.TryAdd(spec.BackupId, backup))
        {
            throw new StorageException(StorageFailure.AlreadyExists, $"There is a backup {spec.BackupId} already.");
        }

        try
        {
            await (bySnapshot ? StartHybridAsync(backup, vm, spec, hold)
                : vm is null ? StartColdAsync(backup, spec, hold)
                : StartLiveAsync(backup, vm, spec, hold));
        }
        catch
        {
            _ = _backups.TryRemove(spec.BackupId, out _);
            throw;
        }

        // A snapshot's layer does not change any more: the disk itself stays free.
        foreach (var disk in hold.All.Where(_ => !bySnapshot))
        {
            disk.Backup = spec.BackupId;
        }

        Log.BackupStarted(_logger, spec.BackupId, spec.VmId, vm is not null);
    }

    public async Task StopBackupAsync(Guid backupId, CancellationToken cancellationToken)
    {
        if (!_backups.TryGetValue(backupId, out var backup))
        {
            return;
        }

        using var hold = await HoldAsync(backup.Disks.Keys.Where(_disks.ContainsKey), cancellationToken);
        foreach (var disk in hold.All.Where(d => d.Backup == backupId))
        {
            disk.RequireNoExport("the end of the backup");
        }

        if (!_backups.TryRemove(backupId, out _))
        {
            return;
        }

        foreach (var disk in hold.All.Where(d => d.Backup == backupId))
        {
            disk.Backup = null;
        }

        try
        {
            await EndDisksAsync(backup);
        }
        catch (StorageException e)
        {
            Log.BackupLost(_logger, backupId, e.Message);
        }

        Log.BackupStopped(_logger, backupId);
    }

    private async Task StartLiveAsync(BackupEntry backup, VmProcess vm, BackupSpec spec, DiskHold hold)
    {
        var actions = new List<JsonObject>();
        try
        {
            foreach (var wanted in spec.Disks)
            {
                actions.AddRange(await PrepareLiveAsync(backup, vm, wanted, hold[wanted.DiskId], spec.ToCheckpoint));
            }

            await vm.TransactionAsync(actions);
        }
        catch
        {
            // No job has started: the transaction is all or nothing.
            foreach (var disk in backup.Disks.Values)
            {
                await vm.RemoveNodesAsync([disk.ScratchNode!]);
                File.Delete(disk.ScratchFile!);
            }

            throw;
        }

        RecordCheckpoint(backup, spec.ToCheckpoint);
    }

    /// <summary>Makes a disk's scratch image and gives the actions that start its part of the backup at the common point in time.</summary>
    private async Task<List<JsonObject>> PrepareLiveAsync(BackupEntry backup, VmProcess vm, BackupDisk wanted, DiskEntry disk, Guid toCheckpoint)
    {
        var states = await BitmapsAsync(disk);
        var since = wanted.FromCheckpoint is { } from ? Since(disk, from, states) : null;
        var live = vm.Disk(disk.Id);
        var scratch = NextRunFile("scratch", ".qcow2");
        var node = vm.NextName("s");
        var entry = new BackupDiskEntry { Disk = disk, ScratchFile = scratch, ScratchNode = node, Job = vm.NextName("backup"), Bitmap = since is null ? null : MergedBitmap };
        backup.Disks[disk.Id] = entry;
        await _qemuImg.CreateAsync(scratch, VolumeFormat.Cow, disk.Record.Active.VirtualSizeBytes, CancellationToken.None);
        await vm.AddNodeAsync(node, scratch, VolumeFormat.Cow, live.Active, readOnly: false);

        var actions = new List<JsonObject>();
        if (disk.Record.Active.Format == VolumeFormat.Cow)
        {
            var layer = disk.Record.Layers.Count - 1;
            actions.Add(LiveAction(new BitmapStep(BitmapAction.Add, layer, BitmapStep.NameOf(toCheckpoint)), live.Nodes));
            actions.AddRange(StopRecording(disk, states).Select(s => LiveAction(s, live.Nodes)));
        }

        if (since is not null)
        {
            actions.Add(VmProcess.Action("block-dirty-bitmap-add", new JsonObject
            {
                ["node"] = node,
                ["name"] = MergedBitmap,
                ["granularity"] = BitmapGranularityBytes,
                ["disabled"] = true,
            }));
            actions.Add(MergeAction(node, MergedBitmap, since.Select(s => (live.Nodes[s.Layer], s.Name))));
        }

        actions.Add(VmProcess.Action("blockdev-backup", new JsonObject
        {
            ["job-id"] = entry.Job,
            ["device"] = live.Active,
            ["target"] = node,
            ["sync"] = "none",
            ["auto-dismiss"] = false,
        }));
        return actions;
    }

    private async Task StartColdAsync(BackupEntry backup, BackupSpec spec, DiskHold hold)
    {
        // Everything that can be refused is looked at before anything is changed.
        var since = new Dictionary<Guid, List<(int Layer, string Name)>>();
        var stop = new Dictionary<Guid, List<BitmapStep>>();
        foreach (var wanted in spec.Disks)
        {
            var states = await BitmapsAsync(hold[wanted.DiskId]);
            stop[wanted.DiskId] = StopRecording(hold[wanted.DiskId], states);
            if (wanted.FromCheckpoint is { } from)
            {
                since[wanted.DiskId] = Since(hold[wanted.DiskId], from, states);
            }
        }

        var done = new List<(DiskEntry Disk, BitmapStep Undo)>();
        try
        {
            foreach (var disk in hold.All)
            {
                var layer = disk.Record.Layers.Count - 1;
                if (disk.Record.Active.Format == VolumeFormat.Cow)
                {
                    foreach (var step in stop[disk.Id])
                    {
                        await ApplyAsync(disk, [step]);
                        done.Add((disk, step with { Action = BitmapAction.Enable }));
                    }

                    await ApplyAsync(disk, [new BitmapStep(BitmapAction.Add, layer, BitmapStep.NameOf(spec.ToCheckpoint))]);
                    done.Add((disk, new BitmapStep(BitmapAction.Remove, layer, BitmapStep.NameOf(spec.ToCheckpoint))));
                }

                backup.Disks[disk.Id] = await PrepareStoppedAsync(disk, disk.Record.Active, since.GetValueOrDefault(disk.Id));
            }
        }
        catch
        {
            await EndDisksAsync(backup);
            foreach (var (disk, undo) in Enumerable.Reverse(done))
            {
                await ApplyAsync(disk, [undo]);
            }

            throw;
        }

        RecordCheckpoint(backup, spec.ToCheckpoint);
    }

    /// <summary>
    /// Prepares the export of a layer nobody writes to. One bitmap in that layer is exported as it is; several are merged into one, in an overlay
    /// made for it, as vdsm does.
    /// </summary>
    private async Task<BackupDiskEntry> PrepareStoppedAsync(DiskEntry disk, LayerRecord layer, List<(int Layer, string Name)>? since)
    {
        if (since is null || (since.Count == 1 && disk.Record.Layers[since[0].Layer] == layer))
        {
            return new BackupDiskEntry { Disk = disk, Image = layer.ImageId, Bitmap = since?[0].Name };
        }

        var overlay = NextRunFile("merged", ".qcow2");
        try
        {
            await _qemuImg.CreateOverlayAsync(overlay, disk.PathOf(layer), layer.Format, layer.VirtualSizeBytes, CancellationToken.None);
            await _qemuImg.BitmapAsync(
                overlay, MergedBitmap, ["--add", "--disable", "-g", QemuImg.Number(BitmapGranularityBytes)], CancellationToken.None);
            foreach (var (position, name) in since)
            {
                await _qemuImg.BitmapAsync(
                    overlay, MergedBitmap, ["--merge", name, "-b", disk.PathOf(disk.Record.Layers[position]), "-F", "qcow2"], CancellationToken.None);
            }

            return new BackupDiskEntry { Disk = disk, Image = layer.ImageId, ScratchFile = overlay, Bitmap = MergedBitmap };
        }
        catch
        {
            File.Delete(overlay);
            throw;
        }
    }

    /// <summary>The step that ends the recording of the last checkpoint's bitmap, where it is there and usable (invariant 2).</summary>
    private static List<BitmapStep> StopRecording(DiskEntry disk, List<Dictionary<string, bool>> states) =>
        disk.Record.LastCheckpoint is { } last && states[^1].GetValueOrDefault(BitmapStep.NameOf(last))
            ? [new BitmapStep(BitmapAction.Disable, states.Count - 1, BitmapStep.NameOf(last))]
            : [];

    private static void RecordCheckpoint(BackupEntry backup, Guid checkpoint)
    {
        foreach (var disk in backup.Disks.Values.Select(d => d.Disk).Where(d => d.Record.Active.Format == VolumeFormat.Cow))
        {
            var active = disk.Record.Active with { Bitmaps = [.. disk.Record.Active.Bitmaps, checkpoint] };
            disk.Update(disk.Record with { Layers = [.. disk.Record.Layers.SkipLast(1), active], Checkpoints = [.. disk.Record.Checkpoints, checkpoint] });
        }
    }

    private async Task EndDisksAsync(BackupEntry backup)
    {
        try
        {
            // After a crash of the VM's process there is nothing to end, only files to remove.
            var runs = backup.Vm is { HasEnded: false } vm ? vm : null;
            foreach (var disk in backup.Disks.Values)
            {
                if (runs is not null)
                {
                    await runs.CancelJobAsync(disk.Job!);
                    await runs.RemoveNodesAsync([disk.ScratchNode!]);
                }
            }
        }
        finally
        {
            foreach (var file in backup.Disks.Values.Select(d => d.ScratchFile).OfType<string>())
            {
                File.Delete(file);
            }
        }
    }
}
