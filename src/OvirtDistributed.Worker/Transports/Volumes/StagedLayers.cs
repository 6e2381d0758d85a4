// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>
/// What was taken from layers that are closed by the time it is needed: the manager gives one layer of a disk at a time, and a disk in order needs all of
/// them. A temporary file, gone with the backup.
/// </summary>
internal sealed class StagedLayers(string directory) : IAsyncDisposable
{
    // Other tasks of this worker spool here too.
    private const long KeptFreeBytes = 256L << 20;
    private const int PieceBytes = 2 << 20;

    private readonly FileStream _file = TemporaryFile.Create(directory, "ovd-layers-");

    /// <summary>Bytes taken so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Before anything is taken: whether it will fit.</summary>
    /// <exception cref="TaskFailureException">It will not.</exception>
    public static void RequireRoom(string directory, long bytes, string diskId)
    {
        var free = new DriveInfo(directory).AvailableFreeSpace - KeptFreeBytes;
        if (bytes > free)
        {
            throw new TaskFailureException(
                FailureCode.SourceFailed,
                $"Disk {diskId} lies in several layers, of which this manager gives one at a time: {bytes} bytes of them have to be kept in {directory} meanwhile, where {Math.Max(0, free)} are free. "
                + "Make room there, name another folder (Worker:Pipeline:SpoolDirectory), or delete snapshots of the VM.");
        }
    }

    /// <summary>Takes everything that the map has of one layer.</summary>
    /// <returns>The map with that layer's content staged.</returns>
    public async Task<VolumeMap> TakeAsync(VolumeMap map, VolumeLayer source, int layer, Func<VolumeMap> newMap, CancellationToken cancellationToken)
    {
        var staged = newMap();
        try
        {
            var buffer = new byte[PieceBytes];
            foreach (var extent in map.Read())
            {
                if (extent.Layer != layer || extent.Kind is not (VolumeExtentKind.Data or VolumeExtentKind.Compressed))
                {
                    staged.Add(extent);
                    continue;
                }

                staged.Add(extent with { Kind = VolumeExtentKind.Staged, Place = Bytes, Stored = 0, Skip = 0 });
                for (var position = extent.Offset; position < extent.End;)
                {
                    var end = Math.Min(extent.End, position + PieceBytes);
                    var piece = buffer.AsMemory(0, (int)(end - position));
                    await source.ReadAsync(extent.Cut(position, end), piece, cancellationToken);
                    await RandomAccess.WriteAsync(_file.SafeFileHandle, piece, Bytes, cancellationToken);
                    Bytes += piece.Length;
                    position = end;
                }
            }

            staged.Complete();
            return staged;
        }
        catch (IOException failure)
        {
            staged.Dispose();
            throw new TaskFailureException(FailureCode.SourceFailed, $"What lies in other layers could not be kept in {directory}: {failure.Message}", failure);
        }
        catch
        {
            staged.Dispose();
            throw;
        }
    }

    /// <summary>Fills the destination from what was taken.</summary>
    public async Task ReadAsync(long place, Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (destination.Length > 0)
        {
            var read = await RandomAccess.ReadAsync(_file.SafeFileHandle, destination, place, cancellationToken);
            if (read == 0)
            {
                throw new TaskFailureException(FailureCode.SourceFailed, $"The temporary file in {directory} with what lies in other layers is cut off.");
            }

            destination = destination[read..];
            place += read;
        }
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();
}
