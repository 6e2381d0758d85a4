// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Devices;

/// <summary>This machine is the guest: its block devices are seen as they are, and links by serial number as udev would make them are in a directory.</summary>
internal sealed class LinkDirectory : IGuestBus
{
    private readonly string _directory;

    public LinkDirectory(string directory)
    {
        _directory = Directory.CreateDirectory(directory).FullName;

        // Links of a simulator that was killed lead to devices of anybody.
        foreach (var stale in Directory.EnumerateFileSystemEntries(_directory).Where(f => DeviceName.IsOne(Path.GetFileName(f))).ToList())
        {
            File.Delete(stale);
        }
    }

    public Task PlugAsync(GuestDisk disk, CancellationToken cancellationToken)
    {
        var link = Path.Combine(_directory, disk.LinkName);
        try
        {
            _ = File.CreateSymbolicLink(link, disk.Path);
            return Task.CompletedTask;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFailure.ToolFailed, $"The link {link} to {disk.Path} cannot be made: {e.Message}");
        }
    }

    public Task UnplugAsync(GuestDisk disk, CancellationToken cancellationToken)
    {
        // The device's number may be another's as soon as it is gone.
        File.Delete(Path.Combine(_directory, disk.LinkName));
        return Task.CompletedTask;
    }
}
