// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>A disk read from the files of its layers: all of it, or what its newest layer alone holds. Owns the map, the staged content and the open layer.</summary>
internal sealed class VolumeSource(VolumeMap map, VolumeLayer layer, StagedLayers? staged, long sizeBytes, bool changesOnly) : IDiskSource
{
    private const int PageBytes = 4096;

    public long SizeBytes => sizeBytes;

    public int Connections => layer.Connections;

    public string Route => layer.Route;

    public bool ReadsUnchanged => !changesOnly;

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var extent in map.Read())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (changesOnly && extent.Offset % PageBytes != 0)
            {
                // Chunks are cut at whole pages: the rest of a page that the layer holds in part would be read as zeroes.
                throw new TaskFailureException(
                    FailureCode.DirtyExtentsUnavailable, $"The snapshot's layer has an extent at byte {extent.Offset}, which is no multiple of {PageBytes}: what changed cannot be told from what did not.");
            }

            yield return new SourceExtent(extent.Offset, extent.Length, !extent.HasContent, extent.Kind != VolumeExtentKind.Hole);
        }
    }

    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        for (var index = map.Find(offset); destination.Length > 0; index++)
        {
            var extent = map[index];
            var end = Math.Min(extent.End, offset + destination.Length);
            var range = extent.Cut(offset, end);
            var part = destination[..(int)(end - offset)];
            switch (extent.Kind)
            {
                case VolumeExtentKind.Staged:
                    await staged!.ReadAsync(range.Place, part, cancellationToken);
                    break;
                case VolumeExtentKind.Data or VolumeExtentKind.Compressed:
                    await layer.ReadAsync(range, part, cancellationToken);
                    break;
                default:
                    part.Span.Clear();
                    break;
            }

            destination = destination[part.Length..];
            offset = end;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await layer.DisposeAsync();
        map.Dispose();
        if (staged is not null)
        {
            await staged.DisposeAsync();
        }
    }
}
