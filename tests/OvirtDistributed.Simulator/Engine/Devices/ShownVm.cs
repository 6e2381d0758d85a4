// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Devices;

/// <summary>The devices of one VM and the directory with the links to them. Calls are carried out one after another.</summary>
internal sealed class ShownVm : IAsyncDisposable
{
    private readonly IDiskStorage _storage;
    private readonly string _directory;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<Guid, (IDiskDevice Device, string Link)> _devices = [];

    public ShownVm(Guid vmId, IDiskStorage storage, string directory, IReadOnlySet<Guid> own)
    {
        VmId = vmId;
        _storage = storage;
        _directory = Directory.CreateDirectory(directory).FullName;
        Own = own;

        // Links of a simulator that was killed lead to devices of anybody.
        foreach (var stale in Directory.EnumerateFileSystemEntries(_directory).Where(f => DeviceName.IsOne(Path.GetFileName(f))).ToList())
        {
            File.Delete(stale);
        }
    }

    public Guid VmId { get; }

    /// <summary>Disks that were attached before the VM was shown.</summary>
    public IReadOnlySet<Guid> Own { get; }

    public IReadOnlyList<Guid> Disks
    {
        get
        {
            lock (_devices)
            {
                return [.. _devices.Keys];
            }
        }
    }

    public Task PlugAsync(PlannedDevice planned, CancellationToken cancellationToken) => AloneAsync(
        async () =>
        {
            if (Find(planned.Spec.DiskId) is not null)
            {
                return;
            }

            var device = await _storage.OpenDeviceAsync(planned.Spec, cancellationToken);
            var link = Path.Combine(_directory, planned.LinkName);
            try
            {
                _ = File.CreateSymbolicLink(link, device.Path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                await device.DisposeAsync();
                throw new StorageException(StorageFailure.ToolFailed, $"The link {link} to {device.Path} cannot be made: {e.Message}");
            }

            lock (_devices)
            {
                _devices.Add(planned.Spec.DiskId, (device, link));
            }
        },
        cancellationToken);

    public Task UnplugAsync(Guid diskId, CancellationToken cancellationToken) => AloneAsync(
        async () =>
        {
            if (Find(diskId) is not { } found)
            {
                return;
            }

            // The device's number may be another's as soon as it is gone.
            File.Delete(found.Link);
            try
            {
                await found.Device.CloseAsync(cancellationToken);
            }
            catch
            {
                _ = File.CreateSymbolicLink(found.Link, found.Device.Path);
                throw;
            }

            Forget(diskId);
        },
        cancellationToken);

    public Task UnplugAllAsync() => AloneAsync(
        async () =>
        {
            foreach (var disk in Disks)
            {
                var (device, link) = Find(disk)!.Value;
                File.Delete(link);
                await device.DisposeAsync();
                Forget(disk);
            }
        },
        CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await UnplugAllAsync();
        _gate.Dispose();
    }

    private (IDiskDevice Device, string Link)? Find(Guid diskId)
    {
        lock (_devices)
        {
            return _devices.TryGetValue(diskId, out var found) ? found : null;
        }
    }

    private void Forget(Guid diskId)
    {
        lock (_devices)
        {
            _ = _devices.Remove(diskId);
        }
    }

    private async Task AloneAsync(Func<Task> work, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await work();
        }
        finally
        {
            _ = _gate.Release();
        }
    }
}
