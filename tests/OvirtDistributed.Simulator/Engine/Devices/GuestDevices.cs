// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Devices;

/// <summary>
/// VMs that this machine sees from inside: while such a VM runs, each of its active disks is a block device here, which its guest gets to see
/// over the VM's bus. For all other VMs every member does nothing.
/// </summary>
internal sealed class GuestDevices(EngineContext engine) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Guid, ShownVm> _shown = new();

    /// <summary>Shows a VM from now on. Call with the gate held.</summary>
    /// <exception cref="InvalidOperationException">It is shown already.</exception>
    public async Task ShowAsync(Vm vm, IGuestBus bus, CancellationToken cancellationToken)
    {
        var shown = new ShownVm(vm.Id, engine.Storage, bus, vm.Attachments.Where(a => a.SnapshotId is null).Select(a => a.DiskId).ToHashSet());
        if (!_shown.TryAdd(vm.Id, shown))
        {
            throw new InvalidOperationException($"The devices of VM {vm.Name} are shown already.");
        }

        try
        {
            await PlugAsync(vm.IsRunning ? Plan(vm) : [], cancellationToken);
        }
        catch
        {
            _ = _shown.TryRemove(vm.Id, out _);
            await shown.DisposeAsync();
            throw;
        }
    }

    /// <summary>The devices of the VM's active disks. Call with the gate held.</summary>
    public IReadOnlyList<PlannedDevice> Plan(Vm vm) => _shown.ContainsKey(vm.Id) ? [.. vm.Attachments.Where(a => a.Active).Select(a => Plan(vm, a))] : [];

    /// <summary>Makes devices that are not there yet.</summary>
    /// <exception cref="StorageException">One cannot be made; those before it stay.</exception>
    public async Task PlugAsync(IReadOnlyList<PlannedDevice> planned, CancellationToken cancellationToken)
    {
        foreach (var device in planned)
        {
            await _shown[device.Spec.VmId].PlugAsync(device, cancellationToken);
        }
    }

    /// <summary>Makes the device of one disk. Call with the gate held.</summary>
    public Task PlugAsync(Vm vm, DiskAttachment attachment, CancellationToken cancellationToken) =>
        _shown.TryGetValue(vm.Id, out var shown) ? shown.PlugAsync(Plan(vm, attachment), cancellationToken) : Task.CompletedTask;

    /// <summary>Takes the device of one disk away; what was written to it is in the disk then.</summary>
    /// <exception cref="StorageException">It is in use and stays, or what was written is lost.</exception>
    public Task UnplugAsync(Vm vm, Guid diskId, CancellationToken cancellationToken) =>
        _shown.TryGetValue(vm.Id, out var shown) ? shown.UnplugAsync(diskId, cancellationToken) : Task.CompletedTask;

    /// <summary>Takes all devices of a VM away that stops, in use or not.</summary>
    public Task UnplugAllAsync(Guid vmId) => _shown.TryGetValue(vmId, out var shown) ? shown.UnplugAllAsync() : Task.CompletedTask;

    /// <summary>Disks that were attached to a shown VM after it was shown, as VM and disk. Call with the gate held.</summary>
    public IReadOnlyList<string> Added() =>
    [
        .. from shown in _shown.Values
           where engine.State.Vms.ContainsKey(shown.VmId)
           let vm = engine.State.Vms[shown.VmId]
           from attachment in vm.Attachments
           where attachment.SnapshotId is null && !shown.Own.Contains(attachment.DiskId)
           select $"{vm.Name}: disk {attachment.DiskId}",
    ];

    /// <summary>Devices of disks that are not attached any more. Call with the gate held.</summary>
    public IReadOnlyList<string> Stray() =>
    [
        .. from shown in _shown.Values
           from disk in shown.Disks
           where engine.State.Vms.GetValueOrDefault(shown.VmId)?.Attachments.Exists(a => a.DiskId == disk && a.Active) != true
           select $"device of disk {disk} in VM {shown.VmId}",
    ];

    public async ValueTask DisposeAsync()
    {
        foreach (var shown in _shown.Values)
        {
            await shown.DisposeAsync();
        }

        _shown.Clear();
    }

    private PlannedDevice Plan(Vm vm, DiskAttachment attachment)
    {
        Guid? image = attachment.SnapshotId is { } id
            ? engine.State.Vms.Values.SelectMany(v => v.Snapshots).First(s => s.Id == id).Volumes[attachment.DiskId]
            : null;
        return new PlannedDevice(
            new DeviceSpec(vm.Id, attachment.DiskId, image, attachment.ReadOnly),
            attachment.DiskId.ToString("D")[..engine.Options.DeviceSerialLength],
            DeviceName.Of(attachment.Interface, attachment.DiskId, engine.Options.DeviceSerialLength));
    }
}

/// <summary>A device to make, its serial number, and the name of the link to it.</summary>
internal sealed record PlannedDevice(DeviceSpec Spec, string Serial, string LinkName);
