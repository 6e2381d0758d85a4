// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Runtime.CompilerServices;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>One open layer, raw or qcow2: what it holds, and its content.</summary>
internal sealed class VolumeLayer : IAsyncDisposable
{
    private readonly IVolumeFile _file;
    private readonly Qcow2Volume? _image;

    private VolumeLayer(OpenedVolume volume, Qcow2Volume? image)
    {
        _file = volume.File;
        _image = image;
        Id = volume.Id;
        Route = volume.Route;
    }

    public Guid Id { get; }

    public string Route { get; }

    public int Connections => _file.Connections;

    /// <summary>What the guest sees of it.</summary>
    public long DiskSizeBytes => _image?.Header.DiskSizeBytes ?? _file.SizeBytes;

    /// <summary>The layer below; a raw one has none.</summary>
    public Guid? Parent => _image?.Parent;

    /// <summary>What must be the same when the layer is opened once more.</summary>
    public (Qcow2Header? Header, Guid? Parent, long FileBytes) Identity => (_image?.Header, _image?.Parent, _file.SizeBytes);

    /// <summary>Takes over the file.</summary>
    public static async Task<VolumeLayer> OpenAsync(OpenedVolume volume, string diskId, CancellationToken cancellationToken)
    {
        try
        {
            var image = volume.IsRaw ? null : await Qcow2Volume.OpenAsync(volume.File, new VolumeName(diskId, volume.Id), cancellationToken);
            return new VolumeLayer(volume, image);
        }
        catch
        {
            await volume.File.DisposeAsync();
            throw;
        }
    }

    /// <summary>All extents of this layer alone, ascending and without gaps.</summary>
    public IAsyncEnumerable<VolumeExtent> ListExtentsAsync(int layer, CancellationToken cancellationToken) =>
        _image?.ListExtentsAsync(layer, cancellationToken) ?? ListRawAsync(layer, cancellationToken);

    /// <summary>Fills the destination with a range that lies in this layer.</summary>
    public async Task ReadAsync(VolumeExtent range, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (range.Kind == VolumeExtentKind.Compressed)
        {
            await ReadCompressedAsync(range, destination, cancellationToken);
            return;
        }

        // The last cluster of a file may be shorter than the others: what is not there reads as zeroes.
        var there = (int)Math.Clamp(_file.SizeBytes - range.Place, 0, destination.Length);
        destination[there..].Span.Clear();
        if (there > 0)
        {
            await _file.ReadAsync(range.Place, destination[..there], cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private async Task ReadCompressedAsync(VolumeExtent range, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var bytes = (int)_image!.Header.ClusterBytes;
        var cluster = ArrayPool<byte>.Shared.Rent(bytes);
        try
        {
            await _image.DecompressAsync(range, cluster.AsMemory(0, bytes), cancellationToken);
            cluster.AsSpan(range.Skip, destination.Length).CopyTo(destination.Span);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(cluster);
        }
    }

    private async IAsyncEnumerable<VolumeExtent> ListRawAsync(int layer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await Task.CompletedTask;
        if (_file.SizeBytes > 0)
        {
            yield return new VolumeExtent(0, _file.SizeBytes, VolumeExtentKind.Data, layer);
        }
    }
}
