// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Devices;

/// <summary>The devices of one VM, as its guest sees them. Calls are carried out one after another.</summary>
internal sealed class ShownVm : IAsyncDisposable
{
    private readonly IDiskStorage _storage;
    private readonly IGuestBus _bus;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<Guid, (IDiskDevice Device, GuestDisk Disk)> _devices = [];

    public ShownVm(Guid vmId, IDiskStorage storage, IGuestBus bus, IReadOnlySet<Guid> own)
    {
        VmId = vmId;
        _storage = storage;
        _bus = bus;
        Own = own;
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
            var disk = new GuestDisk(planned.Spec.DiskId, planned.Serial, planned.LinkName, device.Path, planned.Spec.ReadOnly);
            try
            {
                await _bus.PlugAsync(disk, cancellationToken);
            }
            catch
            {
                await device.DisposeAsync();
                throw;
            }

            lock (_devices)
            {
                _devices.Add(planned.Spec.DiskId, (device, disk));
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

            await _bus.UnplugAsync(found.Disk, cancellationToken);
            try
            {
                await found.Device.CloseAsync(cancellationToken);
            }
            catch
            {
                await _bus.PlugAsync(found.Disk, CancellationToken.None);
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
                var (device, shown) = Find(disk)!.Value;
                await _bus.UnplugAsync(shown, CancellationToken.None);
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

    private (IDiskDevice Device, GuestDisk Disk)? Find(Guid diskId)
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
