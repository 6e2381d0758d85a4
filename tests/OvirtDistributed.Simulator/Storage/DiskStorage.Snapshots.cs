// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    public async Task CreateSnapshotAsync(Guid vmId, IReadOnlyList<(Guid DiskId, Guid NewImageId)> disks, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(disks.Select(d => d.DiskId), cancellationToken);
        if (hold.All.Select(d => d.Vm).OfType<VmProcess>().Distinct().Count() > 1)
        {
            throw new StorageException(StorageFailure.Busy, $"The disks of a snapshot of VM {vmId} are plugged to several running VMs.");
        }

        await PutOverlaysAsync(hold.All.Select(d => d.Vm).OfType<VmProcess>().FirstOrDefault(), [.. disks.Select(d => (hold[d.DiskId], d.NewImageId))], checkpoint: null);
    }

    /// <summary>
    /// Puts a new active layer on each disk at one point in time. From there <paramref name="checkpoint"/>, when given, records in the new layers;
    /// otherwise what has recorded so far goes on there.
    /// </summary>
    private async Task PutOverlaysAsync(VmProcess? vm, IReadOnlyList<(DiskEntry Disk, Guid NewImageId)> disks, Guid? checkpoint)
    {
        var overlays = new List<Overlay>();
        var continued = new List<Overlay>();
        try
        {
            foreach (var (disk, imageId) in disks)
            {
                overlays.Add(await NewOverlayAsync(disk, imageId, checkpoint: checkpoint));
            }

            // What cannot be taken back comes last.
            foreach (var overlay in overlays.Where(o => o.Disk.Vm is null))
            {
                continued.Add(overlay);
                await ContinueBitmapColdAsync(overlay);
            }

            if (vm is not null)
            {
                await SwitchLiveAsync(vm, [.. overlays.Where(o => o.Disk.Vm is not null)]);
            }
        }
        catch
        {
            foreach (var overlay in continued.Where(o => o.Stops is not null))
            {
                await _qemuImg.BitmapAsync(overlay.Disk.ActivePath, overlay.Stops!, ["--enable"], CancellationToken.None);
            }

            overlays.ForEach(o => o.Disk.RemoveVolume(o.Layer));
            throw;
        }

        foreach (var overlay in overlays)
        {
            overlay.Disk.Update(overlay.Disk.Record with
            {
                Layers = [.. overlay.Disk.Record.Layers, overlay.Layer],
                Checkpoints = checkpoint is { } made && overlay.Layer.Bitmaps.Contains(made) ? [.. overlay.Disk.Record.Checkpoints, made] : overlay.Disk.Record.Checkpoints,
                NextFile = overlay.Disk.Record.NextFile + 1,
            });
        }
    }

    public async Task RevertToLayerAsync(Guid diskId, Guid imageId, Guid newActiveImageId, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var disk = hold.Only;
        disk.RequireStopped("the restore of a snapshot");
        disk.RequireIdle("the restore of a snapshot");
        var index = disk.Record.IndexOf(imageId);
        disk.RequireNoDevice("the restore of a snapshot", disk.Record.Layers.Skip(index + 1).Select(l => (Guid?)l.ImageId));
        var overlay = await NewOverlayAsync(disk, newActiveImageId, index);
        var states = await BitmapsAsync(disk);

        // Time has gone back: no checkpoint describes the difference to what comes now.
        await ApplyAsync(disk, [.. states.Take(index + 1).SelectMany((s, i) => s.Keys.Select(name => new BitmapStep(BitmapAction.Remove, i, name)))]);
        var dropped = disk.Record.Layers.Skip(index + 1).ToList();
        disk.Update(disk.Record with
        {
            Layers = [.. disk.Record.Layers.Take(index + 1).Select(l => l with { Bitmaps = [] }), overlay.Layer with { Bitmaps = [] }],
            Checkpoints = [],
            NextFile = disk.Record.NextFile + 1,
        });
        dropped.ForEach(disk.RemoveVolume);
    }

    public async Task RemoveSnapshotLayerAsync(Guid diskId, Guid imageId, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var disk = hold.Only;
        disk.RequireIdle("the removal of a snapshot");
        var index = disk.Record.IndexOf(imageId);
        if (index == disk.Record.Layers.Count - 1)
        {
            throw new StorageException(StorageFailure.Busy, $"Volume {imageId} of disk {diskId} is the active layer, no snapshot's.");
        }

        disk.RequireNoDevice("the removal of a snapshot", imageId, disk.Record.Layers[index + 1].ImageId);
        await MergeLayerAsync(disk, index);
    }

    private async Task MergeLayerAsync(DiskEntry disk, int index)
    {
        if (disk.Vm is { } vm)
        {
            await MergeLiveAsync(disk, vm, index);
        }
        else
        {
            await MergeColdAsync(disk, index);
        }

        RecordMerge(disk, index);
    }

    /// <summary>
    /// Makes the file of a new active layer over a layer. It is to hold the bitmap of a new checkpoint, or else the one that has recorded so far.
    /// </summary>
    private async Task<Overlay> NewOverlayAsync(DiskEntry disk, Guid imageId, int? parentIndex = null, Guid? checkpoint = null)
    {
        disk.RequireIdle("a snapshot");
        if (disk.Record.Layers.Any(l => l.ImageId == imageId))
        {
            throw new StorageException(StorageFailure.AlreadyExists, $"Disk {disk.Id} has a volume {imageId} already.");
        }

        var parent = disk.Record.Layers[parentIndex ?? (disk.Record.Layers.Count - 1)];
        Guid[] recording = disk.Record.LastCheckpoint is { } last && parent.Bitmaps.Contains(last) ? [last] : [];
        var bitmaps = recording;
        if (checkpoint is { } made)
        {
            // A raw layer holds no bitmaps: what is merged into it later would lose them.
            bitmaps = parent.Format == VolumeFormat.Cow ? [made] : [];
        }

        var layer = new LayerRecord
        {
            ImageId = imageId,
            File = DataFile(disk.Record.NextFile),
            Format = VolumeFormat.Cow,
            Sparse = true,
            VirtualSizeBytes = parent.VirtualSizeBytes,
            Bitmaps = bitmaps,
        };
        var file = Path.Combine(disk.Directory, layer.File);
        await _qemuImg.CreateOverlayAsync(file, DiskEntry.VolumeName(parent.ImageId), parent.Format, layer.VirtualSizeBytes, CancellationToken.None);
        disk.Link(imageId, layer.File);
        var states = await BitmapsAsync(disk);
        var stops = recording.Length > 0 && states[^1].GetValueOrDefault(BitmapStep.NameOf(recording[0])) ? BitmapStep.NameOf(recording[0]) : null;
        var starts = checkpoint is null ? stops : bitmaps.Length > 0 ? BitmapStep.NameOf(bitmaps[0]) : null;
        return new Overlay(disk, layer, stops, starts);
    }

    /// <summary>All disks of one VM at one point in time; the recording bitmaps go on in the overlays from there.</summary>
    private static async Task SwitchLiveAsync(VmProcess vm, IReadOnlyList<Overlay> overlays)
    {
        var nodes = new List<string>();
        try
        {
            var actions = new List<JsonObject>();
            foreach (var overlay in overlays)
            {
                var node = vm.NextName("n");
                await vm.AddNodeAsync(node, overlay.Disk.DataPathOf(overlay.Layer), VolumeFormat.Cow, backing: null, readOnly: false);
                nodes.Add(node);
                var active = vm.Disk(overlay.Disk.Id).Active;
                if (overlay.Stops is { } stops)
                {
                    actions.Add(VmProcess.Action("block-dirty-bitmap-disable", new JsonObject { ["node"] = active, ["name"] = stops }));
                }

                if (overlay.Starts is { } starts)
                {
                    actions.Add(LiveAction(new BitmapStep(BitmapAction.Add, 0, starts), [node]));
                }

                actions.Add(VmProcess.Action("blockdev-snapshot", new JsonObject { ["node"] = active, ["overlay"] = node }));
            }

            await vm.TransactionAsync(actions);
        }
        catch
        {
            await vm.RemoveNodesAsync(nodes);
            throw;
        }

        for (var i = 0; i < overlays.Count; i++)
        {
            vm.Disk(overlays[i].Disk.Id).Nodes.Add(nodes[i]);
        }
    }

    private async Task ContinueBitmapColdAsync(Overlay overlay)
    {
        if (overlay.Stops is { } stops)
        {
            await _qemuImg.BitmapAsync(overlay.Disk.ActivePath, stops, ["--disable"], CancellationToken.None);
        }

        if (overlay.Starts is { } starts)
        {
            await _qemuImg.BitmapAsync(
                overlay.Disk.PathOf(overlay.Layer), starts, ["--add", "-g", QemuImg.Number(BitmapGranularityBytes)], CancellationToken.None);
        }
    }

    private async Task MergeColdAsync(DiskEntry disk, int index)
    {
        var (lower, upper) = (disk.Record.Layers[index], disk.Record.Layers[index + 1]);
        var states = await BitmapsAsync(disk);
        await _qemuImg.CommitAsync(disk.PathOf(upper), CancellationToken.None);
        await ApplyAsync(disk, MergeSteps(disk.Record, index, states));
        if (index + 2 < disk.Record.Layers.Count)
        {
            await _qemuImg.RebaseHeaderAsync(
                disk.PathOf(disk.Record.Layers[index + 2]), DiskEntry.VolumeName(lower.ImageId), lower.Format, CancellationToken.None);
        }
    }

    private async Task MergeLiveAsync(DiskEntry disk, VmProcess vm, int index)
    {
        var live = vm.Disk(disk.Id);
        var (baseNode, topNode) = (live.Nodes[index], live.Nodes[index + 1]);
        var states = await BitmapsAsync(disk);
        var steps = MergeSteps(disk.Record, index, states);
        var arguments = new JsonObject { ["device"] = live.Active, ["top-node"] = topNode, ["base-node"] = baseNode };
        if (index + 1 == live.Nodes.Count - 1)
        {
            // Writes after the switch to the lower layer are caught by a bitmap of their own until the real ones are merged and record again.
            var interim = vm.NextName("interim");
            await vm.RunJobAsync("block-commit", arguments, () =>
                vm.ExecuteAsync("block-dirty-bitmap-add", new JsonObject { ["node"] = baseNode, ["name"] = interim, ["granularity"] = BitmapGranularityBytes }));
            var actions = steps.Select(s => LiveAction(s, live.Nodes)).ToList();
            actions.AddRange(steps.Where(s => s.Action == BitmapAction.Enable).Select(s => MergeAction(baseNode, s.Name, [(baseNode, interim)])));
            actions.Add(LiveAction(new BitmapStep(BitmapAction.Remove, index, interim), live.Nodes));
            await MergeBitmapsAsync(disk, () => vm.TransactionAsync(actions));
        }
        else
        {
            arguments["backing-file"] = DiskEntry.VolumeName(disk.Record.Layers[index].ImageId);
            await vm.RunJobAsync("block-commit", arguments, atReady: null);
            await MergeBitmapsAsync(disk, () => ApplyLiveAsync(disk, vm, steps));
        }

        _ = live.Nodes.Remove(topNode);
        await vm.RemoveNodesAsync([topNode]);
    }

    /// <summary>The data is merged already: without its bitmaps the disk goes on, and its checkpoints are found to be unusable.</summary>
    private async Task MergeBitmapsAsync(DiskEntry disk, Func<Task> merge)
    {
        try
        {
            await merge();
        }
        catch (StorageException e)
        {
            Log.MergeLostBitmaps(_logger, disk.Id, e.Message);
        }
    }

    /// <summary>The upper layer's bitmaps move into the lower one, whose data is the union of both.</summary>
    private static List<BitmapStep> MergeSteps(DiskRecord record, int index, List<Dictionary<string, bool>> states)
    {
        var (lower, upper) = (record.Layers[index], record.Layers[index + 1]);
        if (lower.Format == VolumeFormat.Raw)
        {
            return [];
        }

        var becomesActive = index + 1 == record.Layers.Count - 1;
        return [.. upper.Bitmaps.SelectMany(b =>
            Inherit(states[index + 1], index + 1, b, index, states[index], b, lower.Bitmaps.Contains(b), records: becomesActive && b == record.LastCheckpoint))];
    }

    /// <summary>The lower layer takes the upper one's place in the chain.</summary>
    private static void RecordMerge(DiskEntry disk, int index)
    {
        var (lower, upper) = (disk.Record.Layers[index], disk.Record.Layers[index + 1]);
        var merged = lower with
        {
            VirtualSizeBytes = upper.VirtualSizeBytes,
            Bitmaps = lower.Format == VolumeFormat.Raw ? [] : [.. lower.Bitmaps.Union(upper.Bitmaps)],
        };
        disk.Update(disk.Record with { Layers = [.. disk.Record.Layers.Take(index), merged, .. disk.Record.Layers.Skip(index + 2)] });
        disk.RemoveVolume(upper);
    }

    /// <summary>
    /// A new active layer that is not in the record yet. From the switch on the bitmap <paramref name="Stops"/> of the layer below records no more,
    /// and <paramref name="Starts"/> records in the new one.
    /// </summary>
    private sealed record Overlay(DiskEntry Disk, LayerRecord Layer, string? Stops, string? Starts);
}
