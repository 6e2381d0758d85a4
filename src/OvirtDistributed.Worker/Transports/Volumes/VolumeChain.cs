// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>
/// Makes one disk of its layers' files, where the manager gives one file at a time. First each layer's tables are read, from the top down, as each names the
/// one below. Then the layer with the most content stays open for the backup, and what shows of the others is staged: of a disk in one layer nothing is.
/// </summary>
internal sealed class VolumeChain(VolumeOpener open, PipelineOptions options, string diskId, long diskSizeBytes) : IAsyncDisposable
{
    // oVirt itself stops far below.
    private const int MaximumLayers = 256;

    private readonly List<Seen> _layers = [];
    private VolumeMap? _map;
    private VolumeLayer? _current;
    private StagedLayers? _staged;

    /// <summary>The whole disk as its newest layer shows it.</summary>
    /// <param name="top">The newest layer, open. Taken over.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TaskFailureException">A layer cannot be read.</exception>
    public async Task<VolumeSource> OpenWholeAsync(OpenedVolume top, CancellationToken cancellationToken)
    {
        await EnterAsync(top, cancellationToken);
        while (_current!.Parent is { } parent && _map!.HasHoles)
        {
            if (_layers.Exists(seen => seen.Id == parent) || _layers.Count == MaximumLayers)
            {
                throw new VolumeName(diskId, _current.Id).Damaged(0, $"it names {parent} as the layer below, which makes a circle or more than {MaximumLayers} layers");
            }

            await ReopenAsync(parent, cancellationToken);
        }

        await StageAsync(cancellationToken);
        return Finish(changesOnly: false);
    }

    /// <summary>What the newest layer alone holds.</summary>
    /// <param name="top">The newest layer, open. Taken over.</param>
    /// <param name="expectedParent">The layer that the base point's snapshot shows: changes on top of another one are not what changed since.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TaskFailureException">The layer cannot be read, or stands on another one.</exception>
    public async Task<VolumeSource> OpenChangesAsync(OpenedVolume top, Guid expectedParent, CancellationToken cancellationToken)
    {
        await EnterAsync(top, cancellationToken);
        return _current!.Parent == expectedParent
            ? Finish(changesOnly: true)
            : throw new TaskFailureException(
                FailureCode.DirtyExtentsUnavailable,
                $"Layer {top.Id} of disk {diskId} stands on {_current.Parent?.ToString("D") ?? "none"} and not on {expectedParent}, which the last restore point's snapshot shows: what it holds is not what changed since.");
    }

    /// <summary>Gives up what was not handed out as a source.</summary>
    public async ValueTask DisposeAsync()
    {
        _map?.Dispose();
        await (_current?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_staged?.DisposeAsync() ?? ValueTask.CompletedTask);
        (_map, _current, _staged) = (null, null, null);
    }

    private async Task EnterAsync(OpenedVolume volume, CancellationToken cancellationToken)
    {
        _current = await VolumeLayer.OpenAsync(volume, diskId, cancellationToken);
        if (_layers.Count == 0 && _current.DiskSizeBytes != diskSizeBytes)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder, $"Layer {volume.Id} holds a disk of {_current.DiskSizeBytes} bytes, the order of disk {diskId} says {diskSizeBytes}.");
        }

        using var above = _map ?? VolumeMap.Empty(diskSizeBytes, options.SpoolDirectory, options.ExtentsInMemory);
        _map = null;
        _map = await above.OverAsync(_current.ListExtentsAsync(_layers.Count, cancellationToken), cancellationToken);
        _layers.Add(new Seen(volume.Id, _current.Identity));
    }

    private async Task ReopenAsync(Guid layer, CancellationToken cancellationToken)
    {
        await _current!.DisposeAsync();
        _current = null;
        var volume = await open(layer, cancellationToken);
        var known = _layers.FindIndex(seen => seen.Id == layer);
        if (known < 0)
        {
            await EnterAsync(volume, cancellationToken);
            return;
        }

        _current = await VolumeLayer.OpenAsync(volume, diskId, cancellationToken);
        if (_current.Identity != _layers[known].Identity)
        {
            throw new TaskFailureException(FailureCode.SourceFailed, $"Layer {layer} of disk {diskId} changed while it was read: was a snapshot deleted meanwhile?");
        }
    }

    private async Task StageAsync(CancellationToken cancellationToken)
    {
        var content = _map!.ContentBytes;
        if (content.Count == 0)
        {
            return;
        }

        var kept = content.MaxBy(pair => pair.Value).Key;
        StagedLayers.RequireRoom(options.SpoolDirectory, content.Where(pair => pair.Key != kept).Sum(pair => pair.Value), diskId);

        // The one that is open comes first, so that it is not opened again.
        foreach (var layer in content.Keys.Where(layer => layer != kept).OrderByDescending(layer => _layers[layer].Id == _current!.Id).ThenBy(layer => layer).ToList())
        {
            await UseAsync(layer, cancellationToken);
            _staged ??= new StagedLayers(options.SpoolDirectory);
            var before = _map;
            _map = await _staged.TakeAsync(before, _current!, layer, () => new VolumeMap(options.SpoolDirectory, options.ExtentsInMemory), cancellationToken);
            before.Dispose();
        }

        await UseAsync(kept, cancellationToken);
    }

    private Task UseAsync(int layer, CancellationToken cancellationToken) =>
        _current!.Id == _layers[layer].Id ? Task.CompletedTask : ReopenAsync(_layers[layer].Id, cancellationToken);

    private VolumeSource Finish(bool changesOnly)
    {
        var source = new VolumeSource(_map!, _current!, _staged, diskSizeBytes, changesOnly);
        (_map, _current, _staged) = (null, null, null);
        return source;
    }

    private sealed record Seen(Guid Id, (Qcow2Header? Header, Guid? Parent, long FileBytes) Identity);
}
