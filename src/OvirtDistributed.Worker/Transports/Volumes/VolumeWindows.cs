// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>
/// Small reads of a layer's file: tables and compressed clusters lie close together, and a request for each would be slow. Keeps a fixed number of
/// windows, those used last.
/// </summary>
internal sealed class VolumeWindows(IVolumeFile file, int windowBytes = VolumeWindows.DefaultWindowBytes, int most = VolumeWindows.DefaultCount)
{
    public const int DefaultWindowBytes = 256 << 10;
    public const int DefaultCount = 16;

    private readonly Dictionary<long, LinkedListNode<(long Window, Task<byte[]> Bytes)>> _known = [];
    private readonly LinkedList<(long Window, Task<byte[]> Bytes)> _order = new();
    private readonly Lock _lock = new();

    /// <summary>Fills the destination; all of it lies within the file.</summary>
    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (destination.Length > 0)
        {
            var window = offset / windowBytes;
            var bytes = await FindAsync(window, cancellationToken);
            var from = (int)(offset - (window * windowBytes));
            var count = Math.Min(destination.Length, bytes.Length - from);
            bytes.AsSpan(from, count).CopyTo(destination.Span);
            destination = destination[count..];
            offset += count;
        }
    }

    private async Task<byte[]> FindAsync(long window, CancellationToken cancellationToken)
    {
        Task<byte[]> task;
        lock (_lock)
        {
            if (_known.TryGetValue(window, out var found) && !found.Value.Bytes.IsFaulted && !found.Value.Bytes.IsCanceled)
            {
                _order.Remove(found);
                _order.AddFirst(found);
            }
            else
            {
                Forget(window);
                _known[window] = _order.AddFirst((window, LoadAsync(window, cancellationToken)));
                if (_order.Count > most)
                {
                    Forget(_order.Last!.Value.Window);
                }
            }

            task = _order.First!.Value.Bytes;
        }

        return await task.WaitAsync(cancellationToken);
    }

    private void Forget(long window)
    {
        if (_known.Remove(window, out var old))
        {
            _order.Remove(old);
        }
    }

    private async Task<byte[]> LoadAsync(long window, CancellationToken cancellationToken)
    {
        var offset = window * windowBytes;
        var bytes = new byte[Math.Min(windowBytes, file.SizeBytes - offset)];
        await file.ReadAsync(offset, bytes, cancellationToken);
        return bytes;
    }
}
