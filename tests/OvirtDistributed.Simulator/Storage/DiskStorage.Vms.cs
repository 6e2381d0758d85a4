// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage.Nbd;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    private const uint NoSpaceErrno = 28;

    /// <summary>Hides the round trip to the storage process; more no longer helps.</summary>
    private const int WritesInFlight = 4;

    public async Task StartVmAsync(Guid vmId, IReadOnlyList<Guid> diskIds, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskIds, cancellationToken);
        if (_vms.ContainsKey(vmId))
        {
            throw new StorageException(StorageFailure.AlreadyExists, $"VM {vmId} runs already.");
        }

        foreach (var disk in hold.All)
        {
            disk.RequireStopped("the start of another VM with it");
            disk.RequireIdle("the start of its VM");
        }

        var vm = await VmProcess.StartAsync(vmId, _options, NextRunFile("q", ".sock"), NextRunFile("v", ".sock"), _timeProvider, cancellationToken);
        try
        {
            foreach (var disk in hold.All)
            {
                await vm.AttachAsync(disk);
            }

            if (!_vms.TryAdd(vmId, vm))
            {
                throw new StorageException(StorageFailure.AlreadyExists, $"VM {vmId} runs already.");
            }
        }
        catch
        {
            await vm.DisposeAsync();
            throw;
        }

        foreach (var disk in hold.All)
        {
            disk.Vm = vm;
        }

        Log.VmStarted(_logger, vmId, diskIds.Count);
    }

    public async Task StopVmAsync(Guid vmId, bool clean, CancellationToken cancellationToken)
    {
        await _vmGate.WaitAsync(cancellationToken);
        try
        {
            if (!_vms.TryGetValue(vmId, out var vm))
            {
                return;
            }

            using var hold = await HoldAsync(vm.DiskIds, cancellationToken);
            if (clean && hold.All.FirstOrDefault(d => d.Backup is not null) is { } inBackup)
            {
                throw new StorageException(StorageFailure.Busy, $"VM {vmId} cannot be stopped while disk {inBackup.Id} is in backup {inBackup.Backup}.");
            }

            _ = _vms.TryRemove(vmId, out _);
            foreach (var disk in hold.All)
            {
                disk.Vm = null;
            }

            await vm.StopAsync(clean);
            await vm.DisposeAsync();
            Log.VmStopped(_logger, vmId, clean);
        }
        finally
        {
            _ = _vmGate.Release();
        }
    }

    public async Task HotPlugAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var vm = FindVm(vmId);
        hold.Only.RequireStopped("a second plug");
        hold.Only.RequireIdle("plugging");
        await vm.AttachAsync(hold.Only);
        hold.Only.Vm = vm;
    }

    public async Task HotUnplugAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var vm = FindVm(vmId);
        if (hold.Only.Vm != vm)
        {
            throw new StorageException(StorageFailure.NotFound, $"Disk {diskId} is not plugged to VM {vmId}.");
        }

        hold.Only.RequireIdle("unplugging");
        hold.Only.RequireNoDevice("unplugging", [null]);
        await vm.DetachAsync(diskId);
        hold.Only.Vm = null;
    }

    public Task GuestWriteAsync(Guid diskId, long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        WithGuestAsync(diskId, writable: true, guest => guest.WriteAsync(offsetBytes, data, CancellationToken.None), cancellationToken);

    public Task GuestWriteManyAsync(
        Guid diskId, IEnumerable<(long OffsetBytes, ReadOnlyMemory<byte> Data)> writes, CancellationToken cancellationToken) =>
        RunGuestAsync(
            diskId,
            (guest, token) => Parallel.ForEachAsync(
                writes,
                new ParallelOptions { MaxDegreeOfParallelism = WritesInFlight, CancellationToken = token },
                (write, _) => guest.WriteAsync(write.OffsetBytes, write.Data, CancellationToken.None)),
            cancellationToken);

    public Task GuestTrimAsync(Guid diskId, long offsetBytes, long lengthBytes, CancellationToken cancellationToken) =>
        WithGuestAsync(diskId, writable: true, guest => DiscardAsync(guest, offsetBytes, lengthBytes), cancellationToken);

    public Task GuestReadAsync(Guid diskId, long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken) =>
        WithGuestAsync(diskId, writable: false, guest => guest.ReadAsync(offsetBytes, destination, CancellationToken.None), cancellationToken);

    /// <summary>
    /// Runs many guest requests on one connection: the way to fill a disk. Other calls for the disk wait until <paramref name="work"/> has ended.
    /// On a stopped VM's disk they go through a process that is started for this call.
    /// </summary>
    public Task RunGuestAsync(Guid diskId, Func<NbdClient, CancellationToken, Task> work, CancellationToken cancellationToken) =>
        WithGuestAsync(diskId, writable: true, async guest => await work(guest, cancellationToken), cancellationToken);

    /// <summary>Discards, and zeroes what a discard leaves as it is: its unaligned ends.</summary>
    internal static async ValueTask DiscardAsync(NbdClient guest, long offsetBytes, long lengthBytes)
    {
        await guest.WriteZeroesAsync(offsetBytes, lengthBytes, punchHole: true, CancellationToken.None);
        await guest.TrimAsync(offsetBytes, lengthBytes, CancellationToken.None);
    }

    private async Task WithGuestAsync(Guid diskId, bool writable, Func<NbdClient, ValueTask> work, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var disk = hold.Only;
        try
        {
            if (disk.Vm is { } vm)
            {
                await work(await vm.GuestAsync(diskId));
            }
            else
            {
                await WithStoppedGuestAsync(disk, writable, work, cancellationToken);
            }
        }
        catch (NbdException e)
        {
            throw new StorageException(e.Errno == NoSpaceErrno ? StorageFailure.NoSpace : StorageFailure.ToolFailed, $"Disk {diskId}: {e.Message}");
        }
    }

    private async Task WithStoppedGuestAsync(DiskEntry disk, bool writable, Func<NbdClient, ValueTask> work, CancellationToken cancellationToken)
    {
        if (writable)
        {
            disk.RequireIdle("writing");
        }

        var active = disk.Record.Active;
        var spec = new NbdServerSpec(disk.ActivePath, active.Format, writable, LayerOnly: false, DeallocateZeroes: active.Sparse, Bitmap: null);
        await using var server = await NbdServer.StartAsync(_options, spec, NextRunFile("g", ".sock"), _timeProvider, cancellationToken);
        await using var guest = await NbdClient.ConnectAsync(new NbdAddress(server.SocketPath, string.Empty), wantDirtyBitmap: false, cancellationToken);
        await work(guest);
    }

    private VmProcess FindVm(Guid vmId) =>
        _vms.TryGetValue(vmId, out var vm) ? vm : throw new StorageException(StorageFailure.NotFound, $"VM {vmId} does not run.");
}
