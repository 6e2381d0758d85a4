// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Commands;
using OvirtDistributed.Simulator.Engine.Devices;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator;

/// <summary>A VM as tests see it behind the API.</summary>
public sealed record SimulatedVm(Guid Id, string Name, string Status, Guid ClusterId, IReadOnlyList<Guid> DiskIds)
{
    /// <summary>Since when its guest's file systems are frozen; null while they are not.</summary>
    public DateTimeOffset? FrozenSince { get; init; }

    /// <summary>Who ended the last freeze; null while there was none.</summary>
    public FreezeActor? ThawedBy { get; init; }

    /// <summary>Calls of the API that froze.</summary>
    public int Freezes { get; init; }

    /// <summary>Calls of the API that thawed, those included that had nothing to thaw.</summary>
    public int Thaws { get; init; }
}

/// <summary>A cluster as tests see it behind the API.</summary>
public sealed record SimulatedCluster(Guid Id, string Name);

/// <summary>A disk as tests see it behind the API.</summary>
public sealed record SimulatedDisk(Guid Id, string Name, string Status, string Format, long SizeBytes, Guid StorageDomainId);

/// <summary>
/// What is still lying about on the engine and its hosts. Every list is empty after a backup product has cleaned up,
/// but for <see cref="Checkpoints"/>, of which it keeps the ones it needs.
/// </summary>
public sealed record LeftoverReport
{
    /// <summary>Snapshots other than the active one: VM and description.</summary>
    public required IReadOnlyList<string> Snapshots { get; init; }

    public required IReadOnlyList<string> Backups { get; init; }

    public required IReadOnlyList<string> Transfers { get; init; }

    /// <summary>Disks of a snapshot attached to a VM.</summary>
    public required IReadOnlyList<string> SnapshotAttachments { get; init; }

    /// <summary>Disks attached to a VM that is seen from inside, and not there before it was.</summary>
    public required IReadOnlyList<string> WorkerAttachments { get; init; }

    public required IReadOnlyList<string> LockedDisks { get; init; }

    public required IReadOnlyList<string> IllegalDisks { get; init; }

    public required IReadOnlyList<string> LockedVms { get; init; }

    /// <summary>Running VMs whose guest's file systems are frozen.</summary>
    public required IReadOnlyList<string> FrozenVms { get; init; }

    /// <summary>Exports, scratch files and processes the storage still holds.</summary>
    public required IReadOnlyList<string> Storage { get; init; }

    /// <summary>Checkpoint ids by VM name, oldest first.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<Guid>> Checkpoints { get; init; }

    /// <summary>Everything but checkpoints, one line each.</summary>
    public IReadOnlyList<string> All =>
    [
        .. Snapshots.Select(s => $"snapshot: {s}"),
        .. Backups.Select(s => $"backup: {s}"),
        .. Transfers.Select(s => $"transfer: {s}"),
        .. SnapshotAttachments.Select(s => $"attachment: {s}"),
        .. WorkerAttachments.Select(s => $"attachment to a worker: {s}"),
        .. LockedDisks.Select(s => $"locked disk: {s}"),
        .. IllegalDisks.Select(s => $"illegal disk: {s}"),
        .. LockedVms.Select(s => $"locked VM: {s}"),
        .. FrozenVms.Select(s => $"frozen guest: {s}"),
        .. Storage.Select(s => $"storage: {s}"),
    ];
}

/// <summary>The simulator from behind: guest activity, accidents, faults and left-overs. Members may be called at any time, concurrently.</summary>
public sealed class SimulatorEngine
{
    private readonly EngineContext _engine;
    private readonly PowerCommands _power;

    internal SimulatorEngine(EngineContext engine)
    {
        _engine = engine;
        _power = new PowerCommands(engine);
    }

    /// <summary>Faults of the manager and of all ImageIO daemons.</summary>
    public FaultSet Faults => _engine.Faults;

    public Task<IReadOnlyList<SimulatedVm>> VmsAsync(CancellationToken cancellationToken) => ReadAsync<IReadOnlyList<SimulatedVm>>(
        state => [.. state.Vms.Values.Select(v => new SimulatedVm(
            v.Id, v.Name, v.Status, v.ClusterId, [.. v.Attachments.Where(a => a.SnapshotId is null).Select(a => a.DiskId)])
        {
            FrozenSince = v.Filesystems.FrozenSince,
            ThawedBy = v.Filesystems.ThawedBy,
            Freezes = v.Filesystems.Freezes,
            Thaws = v.Filesystems.Thaws,
        })],
        cancellationToken);

    public Task<IReadOnlyList<SimulatedDisk>> DisksAsync(CancellationToken cancellationToken) => ReadAsync<IReadOnlyList<SimulatedDisk>>(
        state => [.. state.Disks.Values.Select(d => new SimulatedDisk(d.Id, d.Name, d.Status, d.Format, d.ProvisionedSize, d.StorageDomainId))],
        cancellationToken);

    public Task<IReadOnlyList<SimulatedCluster>> ClustersAsync(CancellationToken cancellationToken) => ReadAsync<IReadOnlyList<SimulatedCluster>>(
        state => [.. state.Clusters.Values.Select(c => new SimulatedCluster(c.Id, c.Name))],
        cancellationToken);

    public Task<LeftoverReport> LeftoversAsync(CancellationToken cancellationToken) => ReadAsync(state => Report(state, _engine), cancellationToken);

    /// <summary>A write by the guest, or to the disk of a stopped VM. Waits while the guest's file systems are frozen.</summary>
    public async Task GuestWriteAsync(Guid diskId, long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        await WritableAsync(diskId, cancellationToken);
        await _engine.Storage.GuestWriteAsync(diskId, offsetBytes, data, cancellationToken);
    }

    /// <summary>A discard by the guest. Waits as a write does.</summary>
    public async Task GuestTrimAsync(Guid diskId, long offsetBytes, long lengthBytes, CancellationToken cancellationToken)
    {
        await WritableAsync(diskId, cancellationToken);
        await _engine.Storage.GuestTrimAsync(diskId, offsetBytes, lengthBytes, cancellationToken);
    }

    public Task GuestReadAsync(Guid diskId, long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken) =>
        _engine.Storage.GuestReadAsync(diskId, offsetBytes, destination, cancellationToken);

    /// <summary>Writes what the guest sees on a disk now to a sparse raw file.</summary>
    public Task SaveReferenceAsync(Guid diskId, string rawFilePath, CancellationToken cancellationToken) =>
        _engine.Storage.SaveReferenceAsync(diskId, rawFilePath, cancellationToken);

    /// <summary>The VM's process dies as in a host crash: a live backup of it fails, its bitmaps become unusable.</summary>
    /// <exception cref="InvalidOperationException">No such VM, or it is not running.</exception>
    public async Task CrashVmAsync(Guid vmId, CancellationToken cancellationToken)
    {
        await _engine.State.Gate.WaitAsync(cancellationToken);
        try
        {
            var vm = _engine.State.Vms.GetValueOrDefault(vmId) ?? throw new InvalidOperationException($"There is no VM {vmId}.");
            if (!vm.IsRunning)
            {
                throw new InvalidOperationException($"VM {vm.Name} is not running.");
            }

            await _power.CrashAsync(vm, cancellationToken);
        }
        finally
        {
            _engine.State.Gate.Release();
        }
    }

    /// <summary>
    /// From now on this machine sees the VM from inside: while it runs, each active disk attachment of it, of a snapshot or not, is a block device here with
    /// a link in <paramref name="directory"/> that is named as udev in the guest would (<c>scsi-0QEMU_QEMU_HARDDISK_…</c>, <c>virtio-…</c>).
    /// Takes root's rights, FUSE and loop devices.
    /// </summary>
    /// <exception cref="InvalidOperationException">No such VM, or it is shown already.</exception>
    /// <exception cref="StorageException">This machine cannot show disks as block devices; the message says why.</exception>
    public Task ShowDevicesAsync(Guid vmId, string directory, CancellationToken cancellationToken) =>
        ShowDevicesAsync(vmId, new LinkDirectory(directory), cancellationToken);

    /// <summary>
    /// From now on a guest that <paramref name="bus"/> leads to sees the VM from inside: while it runs, each active disk attachment of it is plugged there.
    /// Takes root's rights, FUSE and loop devices.
    /// </summary>
    /// <exception cref="InvalidOperationException">No such VM, or it is shown already.</exception>
    /// <exception cref="StorageException">This machine cannot show disks as block devices, or the guest does not get them.</exception>
    public async Task ShowDevicesAsync(Guid vmId, IGuestBus bus, CancellationToken cancellationToken)
    {
        await _engine.State.Gate.WaitAsync(cancellationToken);
        try
        {
            var vm = _engine.State.Vms.GetValueOrDefault(vmId) ?? throw new InvalidOperationException($"There is no VM {vmId}.");
            await _engine.Devices.ShowAsync(vm, bus, cancellationToken);
        }
        finally
        {
            _engine.State.Gate.Release();
        }
    }

    /// <summary>What is shown from now on as block devices gives so many bytes in a second, so that there is a middle; null for as fast as it goes.</summary>
    public void LimitDevices(long? bytesPerSecond) => _engine.Storage.DeviceReadLimit = bytesPerSecond;

    /// <summary>
    /// Shows the disks as hosts have them on file storage: links <paramref name="directory"/>/DATACENTER/DOMAIN/images to where the disks' volumes are. Disks
    /// that are made later show as well.
    /// </summary>
    public async Task ShowStorageAsync(string directory, CancellationToken cancellationToken)
    {
        var domains = await ReadAsync(
            state => state.StorageDomains.Values.Where(domain => domain.DataCenterId is not null).Select(domain => (domain.DataCenterId, domain.Id)).ToList(), cancellationToken);
        foreach (var (dataCenter, domain) in domains)
        {
            var folder = Directory.CreateDirectory(Path.Combine(directory, $"{dataCenter:D}", $"{domain:D}"));
            _ = Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "images"), _engine.Storage.ImagesDirectory);
        }
    }

    /// <summary>The directory of this machine that stands for the NFS export of an export domain: what a worker mounts.</summary>
    /// <exception cref="InvalidOperationException">No domain of that name.</exception>
    public Task<string> ExportPathAsync(string domainName, CancellationToken cancellationToken) => ReadAsync(
        state => ExportFiles.MountOf(_engine, ExportDomain(state, domainName)), cancellationToken);

    /// <summary>VMs and images that lie in an export domain's directory, one line each.</summary>
    /// <exception cref="InvalidOperationException">No domain of that name.</exception>
    public Task<IReadOnlyList<string>> ExportContentsAsync(string domainName, CancellationToken cancellationToken) => ReadAsync<IReadOnlyList<string>>(
        state => [.. ExportFiles.Of(_engine, ExportDomain(state, domainName)).Contents()], cancellationToken);

    /// <summary>Gives a storage domain another status in its data center, for example <c>maintenance</c>.</summary>
    /// <exception cref="InvalidOperationException">No domain of that name.</exception>
    public Task SetDomainStatusAsync(string domainName, string status, CancellationToken cancellationToken) => ReadAsync(
        state => state.StorageDomains.Values.FirstOrDefault(d => d.Name == domainName) is { } domain
            ? domain.Status = status
            : throw new InvalidOperationException($"There is no storage domain {domainName}."),
        cancellationToken);

    /// <summary>Gives a host another status, for example <c>non_responsive</c>; running VMs and transfers are not touched.</summary>
    /// <exception cref="InvalidOperationException">No host of that name.</exception>
    public Task SetHostStatusAsync(string hostName, string status, CancellationToken cancellationToken) => ReadAsync(
        state =>
        {
            var host = state.Hosts.Values.FirstOrDefault(h => h.Name == hostName) ?? throw new InvalidOperationException($"There is no host {hostName}.");
            return host.Status = status;
        },
        cancellationToken);

    /// <summary>Removes the newest checkpoint's bitmap from a disk behind the engine's back.</summary>
    /// <exception cref="InvalidOperationException">No checkpoint covers the disk.</exception>
    public async Task LoseBitmapAsync(Guid diskId, CancellationToken cancellationToken)
    {
        var checkpoint = await ReadAsync(
            state => state.Vms.Values.SelectMany(v => v.Checkpoints).LastOrDefault(c => c.Disks.Contains(diskId)), cancellationToken)
            ?? throw new InvalidOperationException($"No checkpoint covers disk {diskId}.");
        await _engine.Storage.LoseBitmapAsync(checkpoint.Id, diskId, cancellationToken);
    }

    private async Task WritableAsync(Guid diskId, CancellationToken cancellationToken)
    {
        var owner = await ReadAsync(state => state.Vms.Values.FirstOrDefault(v => v.Attachments.Exists(a => a.DiskId == diskId && a.SnapshotId is null)), cancellationToken);
        if (owner is not null)
        {
            await owner.Filesystems.Writable.WaitAsync(cancellationToken);
        }
    }

    private static StorageDomain ExportDomain(EngineState state, string name) =>
        state.StorageDomains.Values.FirstOrDefault(d => d.Name == name && d.Type == "export") ?? throw new InvalidOperationException($"There is no export domain {name}.");

    private static LeftoverReport Report(EngineState state, EngineContext engine) => new()
    {
        Snapshots = [.. state.Vms.Values.SelectMany(v => v.Snapshots.Where(s => !s.IsActive).Select(s => $"{v.Name}: {s.Description} ({s.Status})"))],
        Backups = [.. state.Vms.Values.SelectMany(v => v.Backups.Where(b => !b.Ended).Select(b => $"{v.Name}: {b.Id} ({b.Phase})"))],
        Transfers = [.. state.Transfers.Values.Where(t => !t.Finished).Select(t => $"{t.Id} of disk {t.DiskId} ({t.Phase})")],
        SnapshotAttachments = [.. state.Vms.Values.SelectMany(v => v.Attachments.Where(a => a.SnapshotId is not null).Select(a => $"{v.Name}: disk {a.DiskId} of snapshot {a.SnapshotId}"))],
        WorkerAttachments = engine.Devices.Added(),
        LockedDisks = [.. state.Disks.Values.Where(d => d.Status == DiskStatus.Locked).Select(d => $"{d.Name} {d.Id}")],
        IllegalDisks = [.. state.Disks.Values.Where(d => d.Status == DiskStatus.Illegal).Select(d => $"{d.Name} {d.Id}")],
        LockedVms = [.. state.Vms.Values.Where(v => v.LockedBy is not null).Select(v => v.Name)],
        FrozenVms = [.. state.Vms.Values.Where(v => v.Filesystems.FrozenSince is not null).Select(v => v.Name)],
        Storage = [.. engine.Storage.Leftovers(), .. engine.Devices.Stray()],
        Checkpoints = state.Vms.Values.Where(v => v.Checkpoints.Count > 0)
            .GroupBy(v => v.Name).ToDictionary(g => g.Key, g => (IReadOnlyList<Guid>)[.. g.SelectMany(v => v.Checkpoints).Select(c => c.Id)]),
    };

    private async Task<T> ReadAsync<T>(Func<EngineState, T> read, CancellationToken cancellationToken)
    {
        await _engine.State.Gate.WaitAsync(cancellationToken);
        try
        {
            return read(_engine.State);
        }
        finally
        {
            _engine.State.Gate.Release();
        }
    }
}
