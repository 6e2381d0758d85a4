// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>Hybrid backups: they read a layer that a snapshot of their own has frozen, while the guest writes to the layer above.</summary>
public sealed partial class DiskStorage
{
    /// <summary>Takes the snapshot, whose overlays begin to record the new checkpoint at that same point in time, and prepares what will be exported.</summary>
    private async Task StartHybridAsync(BackupEntry backup, VmProcess? vm, BackupSpec spec, DiskHold hold)
    {
        // Everything that can be refused is looked at before anything is changed.
        var since = new Dictionary<Guid, List<(int Layer, string Name)>>();
        foreach (var wanted in spec.Disks)
        {
            if (wanted.FromCheckpoint is { } from)
            {
                since[wanted.DiskId] = Since(hold[wanted.DiskId], from, await BitmapsAsync(hold[wanted.DiskId]));
            }
        }

        var frozen = hold.All.ToDictionary(d => d.Id, d => d.Record.Active.ImageId);
        await PutOverlaysAsync(vm, [.. spec.Disks.Select(d => (hold[d.DiskId], d.NewImage!.Value))], spec.ToCheckpoint);
        try
        {
            foreach (var disk in hold.All)
            {
                backup.Disks[disk.Id] = await PrepareStoppedAsync(disk, disk.Record.Layers[disk.Record.IndexOf(frozen[disk.Id])], since.GetValueOrDefault(disk.Id));
            }
        }
        catch
        {
            await EndDisksAsync(backup);
            foreach (var disk in hold.All)
            {
                await MergeLayerAsync(disk, disk.Record.IndexOf(frozen[disk.Id]));
                if (disk.Record.Checkpoints.Contains(spec.ToCheckpoint))
                {
                    await RemoveCheckpointAsync(disk, spec.ToCheckpoint);
                }
            }

            throw;
        }
    }
}
