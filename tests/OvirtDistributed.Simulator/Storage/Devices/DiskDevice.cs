// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage.Devices;

/// <summary>
/// A loop device over a raw file that qemu makes of an image: the way to have a qcow2 chain as a block device without a kernel module of its own.
/// <paramref name="closed"/> runs once, when nothing of it is left.
/// </summary>
internal sealed class DiskDevice(Guid diskId, LoopDevice loop, FuseExport export, string? overlay, Func<DiskDevice, Task> closed) : IDiskDevice
{
    /// <summary>A reader that has just ended its work may be about to close.</summary>
    private static readonly TimeSpan BusyLimit = TimeSpan.FromSeconds(3);

    private readonly SemaphoreSlim _gate = new(1);
    private bool _gone;

    public string Path => loop.Path;

    /// <summary>What it has in the run directory.</summary>
    public IEnumerable<string> Files => overlay is null ? export.Files : export.Files.Append(overlay);

    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_gone)
            {
                return;
            }

            if (await loop.WaitUntilClosedAsync(BusyLimit, cancellationToken) is { } holders)
            {
                throw new StorageException(StorageFailure.Busy, $"Disk {diskId} is in use as {Path} by {holders}: close the device before the disk is unplugged.");
            }

            loop.Flush();
            if (!await loop.DetachAsync(BusyLimit))
            {
                throw new StorageException(StorageFailure.Busy, $"Disk {diskId} was opened again as {Path} while it was unplugged: close the device first.");
            }

            await EndAsync();
        }
        finally
        {
            _ = _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_gone)
            {
                return;
            }

            try
            {
                loop.Flush();
                _ = await loop.DetachAsync(TimeSpan.Zero);
            }
            catch (StorageException)
            {
                // As after a power failure: what is not in the image is lost, and the device goes with the file under it.
            }

            await EndAsync();
        }
        finally
        {
            _ = _gate.Release();
        }
    }

    private async Task EndAsync()
    {
        _gone = true;
        await export.DisposeAsync();
        if (overlay is not null)
        {
            File.Delete(overlay);
        }

        await closed(this);
    }
}
