// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Nodes;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    /// <summary>vdsm's and qemu's default: one bit for each 64 KiB.</summary>
    private const int BitmapGranularityBytes = 64 * 1024;

    public async Task RemoveCheckpointAsync(Guid checkpointId, Guid? previous, IReadOnlyList<Guid> diskIds, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskIds.Where(_disks.ContainsKey), cancellationToken);
        foreach (var disk in hold.All.Where(d => d.Record.Checkpoints.Contains(checkpointId)))
        {
            disk.RequireIdle("the removal of a checkpoint");
            await RemoveCheckpointAsync(disk, checkpointId);
        }
    }

    public async Task LoseBitmapAsync(Guid checkpointId, Guid diskId, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var disk = hold.Only;
        var name = BitmapStep.NameOf(checkpointId);
        var states = await BitmapsAsync(disk);
        var steps = Enumerable.Range(0, states.Count).Where(i => states[i].ContainsKey(name)).Select(i => new BitmapStep(BitmapAction.Remove, i, name)).ToList();
        if (steps.Count == 0)
        {
            throw new StorageException(StorageFailure.NotFound, $"Disk {diskId} has no bitmap of checkpoint {checkpointId}.");
        }

        await ApplyAsync(disk, steps);
    }

    /// <summary>
    /// The disk's own previous checkpoint takes over what the removed one has recorded, in every layer that holds it (invariants 2 and 3).
    /// Where a bitmap is unusable, the heir becomes unusable too: it would miss blocks otherwise.
    /// </summary>
    private async Task RemoveCheckpointAsync(DiskEntry disk, Guid checkpointId)
    {
        var record = disk.Record;
        var states = await BitmapsAsync(disk);
        var index = record.Checkpoints.ToList().IndexOf(checkpointId);
        Guid? heir = index > 0 ? record.Checkpoints[index - 1] : null;
        var steps = new List<BitmapStep>();
        var layers = record.Layers.ToList();
        for (var i = 0; i < layers.Count; i++)
        {
            var layer = layers[i];
            if (!layer.Bitmaps.Contains(checkpointId))
            {
                continue;
            }

            if (heir is { } heirId)
            {
                var records = checkpointId == record.LastCheckpoint && i == layers.Count - 1;
                steps.AddRange(Inherit(states[i], i, checkpointId, i, states[i], heirId, layer.Bitmaps.Contains(heirId), records));
            }

            if (states[i].ContainsKey(BitmapStep.NameOf(checkpointId)))
            {
                steps.Add(new BitmapStep(BitmapAction.Remove, i, BitmapStep.NameOf(checkpointId)));
            }

            var kept = layer.Bitmaps.Where(b => b != checkpointId);
            layers[i] = layer with { Bitmaps = heir is { } h && !layer.Bitmaps.Contains(h) ? [.. kept, h] : [.. kept] };
        }

        await ApplyAsync(disk, steps);
        disk.Update(record with { Layers = layers, Checkpoints = [.. record.Checkpoints.Where(c => c != checkpointId)] });
    }

    /// <summary>Steps that merge one bitmap into another, which may not exist yet. What cannot be merged makes the target unusable on purpose.</summary>
    private static IEnumerable<BitmapStep> Inherit(
        Dictionary<string, bool> sourceState, int sourceLayer, Guid source, int targetLayer, Dictionary<string, bool> targetState, Guid target, bool targetExpected, bool records)
    {
        var sourceName = BitmapStep.NameOf(source);
        var targetName = BitmapStep.NameOf(target);
        var sourceUsable = sourceState.GetValueOrDefault(sourceName);
        var targetThere = targetState.TryGetValue(targetName, out var targetUsable);
        if (!sourceUsable || (targetExpected && !targetUsable))
        {
            if (targetThere)
            {
                yield return new BitmapStep(BitmapAction.Remove, targetLayer, targetName);
            }

            yield break;
        }

        if (!targetThere)
        {
            yield return new BitmapStep(BitmapAction.AddDisabled, targetLayer, targetName);
        }

        yield return new BitmapStep(BitmapAction.Merge, targetLayer, targetName, sourceLayer, sourceName);
        if (records)
        {
            yield return new BitmapStep(BitmapAction.Enable, targetLayer, targetName);
        }
    }

    /// <summary>
    /// Positions and names of the bitmaps whose union is what was written since a checkpoint (invariant 3).
    /// </summary>
    /// <exception cref="StorageException">One of them is missing, inconsistent, or of another size than the disk.</exception>
    private static List<(int Layer, string Name)> Since(DiskEntry disk, Guid checkpoint, List<Dictionary<string, bool>> states)
    {
        var record = disk.Record;
        var first = record.Checkpoints.ToList().IndexOf(checkpoint);
        var wanted = first < 0 ? [] : record.Checkpoints.Skip(first).ToHashSet();
        var found = new List<(int, string)>();
        for (var i = 0; i < record.Layers.Count; i++)
        {
            foreach (var bitmap in record.Layers[i].Bitmaps.Where(wanted.Contains))
            {
                var name = BitmapStep.NameOf(bitmap);
                if (!states[i].TryGetValue(name, out var usable) || !usable)
                {
                    throw Unusable(disk.Id, checkpoint, $"the bitmap {name} in volume {record.Layers[i].ImageId} is {(usable ? "unusable" : states[i].ContainsKey(name) ? "inconsistent" : "missing")}");
                }

                if (record.Layers[i].VirtualSizeBytes != record.Active.VirtualSizeBytes)
                {
                    throw Unusable(disk.Id, checkpoint, $"volume {record.Layers[i].ImageId} is of another size than the disk now is");
                }

                found.Add((i, name));
            }
        }

        return found.Any(f => f.Item2 == BitmapStep.NameOf(checkpoint)) ? found : throw Unusable(disk.Id, checkpoint, "the disk is not in it");
    }

    private static StorageException Unusable(Guid diskId, Guid checkpoint, string reason) =>
        new(StorageFailure.CheckpointUnusable, $"Disk {diskId}: checkpoint {checkpoint} cannot be used: {reason}. Remove the checkpoint and take a full backup.");

    /// <summary>Bitmaps that are really there, by layer; the value tells whether each can be used.</summary>
    private async Task<List<Dictionary<string, bool>>> BitmapsAsync(DiskEntry disk)
    {
        var states = new List<Dictionary<string, bool>>();
        for (var i = 0; i < disk.Record.Layers.Count; i++)
        {
            var layer = disk.Record.Layers[i];
            states.Add(layer.Format != VolumeFormat.Cow ? []
                : disk.Vm is { } vm ? await vm.BitmapsAsync(vm.Disk(disk.Id).Nodes[i])
                : BitmapsOf(await _qemuImg.InfoAsync(disk.PathOf(layer), CancellationToken.None)));
        }

        return states;
    }

    private static Dictionary<string, bool> BitmapsOf(JsonElement info)
    {
        var found = new Dictionary<string, bool>(StringComparer.Ordinal);
        if (info.TryGetProperty("format-specific", out var specific)
            && specific.TryGetProperty("data", out var data)
            && data.TryGetProperty("bitmaps", out var bitmaps))
        {
            foreach (var bitmap in bitmaps.EnumerateArray())
            {
                // A file that no process has open and whose bitmap is marked as in use was not closed in order.
                var inUse = bitmap.GetProperty("flags").EnumerateArray().Any(f => f.ValueEquals("in-use"));
                found[bitmap.GetProperty("name").GetString() ?? string.Empty] = !inUse;
            }
        }

        return found;
    }

    /// <summary>Carries steps out: in one transaction in a running VM, one after another in the files of a stopped one.</summary>
    private async Task ApplyAsync(DiskEntry disk, IReadOnlyList<BitmapStep> steps)
    {
        if (disk.Vm is { } vm)
        {
            await ApplyLiveAsync(disk, vm, steps);
            return;
        }

        foreach (var step in steps)
        {
            var file = disk.PathOf(disk.Record.Layers[step.Layer]);
            await _qemuImg.BitmapAsync(file, step.Name, ColdAction(disk, step), CancellationToken.None);
        }
    }

    private static string[] ColdAction(DiskEntry disk, BitmapStep step) => step.Action switch
    {
        BitmapAction.Add => ["--add", "-g", QemuImg.Number(BitmapGranularityBytes)],
        BitmapAction.AddDisabled => ["--add", "--disable", "-g", QemuImg.Number(BitmapGranularityBytes)],
        BitmapAction.Enable => ["--enable"],
        BitmapAction.Disable => ["--disable"],
        BitmapAction.Remove => ["--remove"],
        BitmapAction.Merge when step.SourceLayer == step.Layer => ["--merge", step.Source!],
        BitmapAction.Merge => ["--merge", step.Source!, "-b", disk.PathOf(disk.Record.Layers[step.SourceLayer]), "-F", "qcow2"],
        _ => throw new ArgumentOutOfRangeException(nameof(step), step.Action, "unknown bitmap action"),
    };

    /// <summary>Changes bitmaps of a running VM. Layers below the active one are read-only and are opened for writing meanwhile.</summary>
    private static async Task ApplyLiveAsync(DiskEntry disk, VmProcess vm, IReadOnlyList<BitmapStep> steps)
    {
        if (steps.Count == 0)
        {
            return;
        }

        var nodes = vm.Disk(disk.Id).Nodes;
        var readOnly = steps.Select(s => s.Layer).Distinct().Where(i => i < nodes.Count - 1).ToList();
        try
        {
            foreach (var i in readOnly)
            {
                await vm.ReopenAsync(nodes[i], VolumeFormat.Cow, i > 0 ? nodes[i - 1] : null, readOnly: false);
            }

            await vm.TransactionAsync(steps.Select(s => LiveAction(s, nodes)));
        }
        finally
        {
            foreach (var i in readOnly)
            {
                await vm.ReopenAsync(nodes[i], VolumeFormat.Cow, i > 0 ? nodes[i - 1] : null, readOnly: true);
            }
        }
    }

    private static JsonObject LiveAction(BitmapStep step, IReadOnlyList<string> nodes)
    {
        var bitmap = new JsonObject { ["node"] = nodes[step.Layer], ["name"] = step.Name };
        switch (step.Action)
        {
            case BitmapAction.Add or BitmapAction.AddDisabled:
                bitmap["persistent"] = true;
                bitmap["granularity"] = BitmapGranularityBytes;
                bitmap["disabled"] = step.Action == BitmapAction.AddDisabled;
                return VmProcess.Action("block-dirty-bitmap-add", bitmap);
            case BitmapAction.Enable:
                return VmProcess.Action("block-dirty-bitmap-enable", bitmap);
            case BitmapAction.Disable:
                return VmProcess.Action("block-dirty-bitmap-disable", bitmap);
            case BitmapAction.Remove:
                return VmProcess.Action("block-dirty-bitmap-remove", bitmap);
            case BitmapAction.Merge:
                return MergeAction(nodes[step.Layer], step.Name, [(nodes[step.SourceLayer], step.Source!)]);
            default:
                throw new ArgumentOutOfRangeException(nameof(step), step.Action, "unknown bitmap action");
        }
    }

    private static JsonObject MergeAction(string node, string target, IEnumerable<(string Node, string Name)> sources) =>
        VmProcess.Action("block-dirty-bitmap-merge", new JsonObject
        {
            ["node"] = node,
            ["target"] = target,
            ["bitmaps"] = new JsonArray([.. sources.Select(s => (JsonNode)new JsonObject { ["node"] = s.Node, ["name"] = s.Name })]),
        });
}
