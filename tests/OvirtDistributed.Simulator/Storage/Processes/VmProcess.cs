// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Simulator.Storage.Nbd;
using OvirtDistributed.Simulator.Storage.Qmp;

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>
/// The storage process of one running VM: a qemu-storage-daemon that holds the VM's disks, serves the guest over NBD, and is told over QMP what
/// libvirt would tell a real VM. Calls for one disk must not overlap; the disk's gate sees to it.
/// </summary>
internal sealed partial class VmProcess : IAsyncDisposable
{
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan JobDeadline = TimeSpan.FromMinutes(30);

    private readonly ChildProcess _process;
    private readonly QmpClient _qmp;
    private readonly TimeProvider _timeProvider;
    private readonly string _qmpPath;
    private readonly Dictionary<Guid, LiveDisk> _disks = [];
    private readonly Lock _disksLock = new();
    private int _sequence;

    private VmProcess(Guid vmId, ChildProcess process, QmpClient qmp, string qmpPath, string nbdPath, TimeProvider timeProvider)
    {
        VmId = vmId;
        _process = process;
        _qmp = qmp;
        _qmpPath = qmpPath;
        NbdPath = nbdPath;
        _timeProvider = timeProvider;
    }

    public Guid VmId { get; }

    /// <summary>True once the process is gone, however it ended.</summary>
    public bool HasEnded => _process.Exited.IsCompleted;

    public string NbdPath { get; }

    public string MonitorPath => _qmpPath;

    public IReadOnlyList<Guid> DiskIds
    {
        get
        {
            lock (_disksLock)
            {
                return [.. _disks.Keys];
            }
        }
    }

    public static async Task<VmProcess> StartAsync(
        Guid vmId, DiskStorageOptions options, string qmpPath, string nbdPath, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        File.Delete(qmpPath);
        File.Delete(nbdPath);
        var process = ChildProcess.Start(
            options.QemuStorageDaemon,
            ["--chardev", $"socket,id=qmp,path={qmpPath.Replace(",", ",,", StringComparison.Ordinal)},server=on,wait=off", "--monitor", "chardev=qmp"],
            readOutput: false);
        try
        {
            var socket = await SocketFile.ConnectAsync(qmpPath, process, timeProvider, cancellationToken);
            var qmp = await QmpClient.StartAsync(socket, timeProvider, cancellationToken);
            var vm = new VmProcess(vmId, process, qmp, qmpPath, nbdPath, timeProvider);
            _ = await vm.ExecuteAsync("nbd-server-start", new JsonObject
            {
                ["addr"] = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = nbdPath } },
            });
            return vm;
        }
        catch
        {
            await process.DisposeAsync();
            File.Delete(qmpPath);
            File.Delete(nbdPath);
            throw;
        }
    }

    public LiveDisk Disk(Guid diskId)
    {
        lock (_disksLock)
        {
            return _disks[diskId];
        }
    }

    /// <summary>Opens the disk's chain and exports its active layer to the guest.</summary>
    public async Task AttachAsync(DiskEntry disk)
    {
        var live = new LiveDisk(disk.Id, NextName("guest"));
        try
        {
            foreach (var layer in disk.Record.Layers)
            {
                var node = NextName("n");
                await AddNodeAsync(node, disk.DataPathOf(layer), layer.Format, live.Nodes.Count > 0 ? live.Active : null, readOnly: layer != disk.Record.Active);
                live.Nodes.Add(node);
            }

            await ExportAsync(live.ExportName, live.Active, live.ExportName, writable: true, bitmap: null);
        }
        catch
        {
            await RemoveNodesAsync(live.Nodes);
            throw;
        }

        lock (_disksLock)
        {
            _disks[disk.Id] = live;
        }
    }

    public async Task DetachAsync(Guid diskId)
    {
        var live = Disk(diskId);
        await CloseGuestAsync(live);
        await UnexportAsync(live.ExportName);
        await RemoveNodesAsync(live.Nodes);
        lock (_disksLock)
        {
            _ = _disks.Remove(diskId);
        }
    }

    /// <summary>The guest's connection to a disk. Owned by this object.</summary>
    public async Task<NbdClient> GuestAsync(Guid diskId)
    {
        var live = Disk(diskId);
        live.Guest ??= await NbdClient.ConnectAsync(new NbdAddress(NbdPath, live.ExportName), wantDirtyBitmap: false, CancellationToken.None);
        return live.Guest;
    }

    public async Task ResizeAsync(Guid diskId, long sizeBytes)
    {
        // An export has the size it was made with and forbids a change: it is taken away and made again.
        var live = Disk(diskId);
        await CloseGuestAsync(live);
        await UnexportAsync(live.ExportName);
        try
        {
            _ = await ExecuteAsync("block_resize", new JsonObject { ["node-name"] = live.Active, ["size"] = sizeBytes });
        }
        finally
        {
            await ExportAsync(live.ExportName, live.Active, live.ExportName, writable: true, bitmap: null);
        }
    }

    /// <summary>Ends the process: cleanly, which writes everything back, or as a crash.</summary>
    public async Task StopAsync(bool clean)
    {
        LiveDisk[] disks;
        lock (_disksLock)
        {
            disks = [.. _disks.Values];
            _disks.Clear();
        }

        if (clean)
        {
            foreach (var disk in disks)
            {
                await CloseGuestAsync(disk);
            }

            _ = await _process.StopAsync(StopGrace, _timeProvider);
        }
        else
        {
            await _process.KillAsync();
            foreach (var disk in disks)
            {
                await CloseGuestAsync(disk);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(clean: true);
        await _qmp.DisposeAsync();
        await _process.DisposeAsync();
        File.Delete(_qmpPath);
        File.Delete(NbdPath);
    }

    public string NextName(string prefix) => prefix + QemuImg.Number(Interlocked.Increment(ref _sequence));

    /// <exception cref="StorageException">qemu refused or is gone; the message holds its words.</exception>
    public async Task<JsonNode?> ExecuteAsync(string command, JsonObject? arguments)
    {
        try
        {
            return await _qmp.ExecuteAsync(command, arguments, CancellationToken.None);
        }
        catch (QmpException e)
        {
            throw Failed(e);
        }
    }

    public Task TransactionAsync(IEnumerable<JsonObject> actions) =>
        ExecuteAsync("transaction", new JsonObject { ["actions"] = new JsonArray([.. actions]) });

    public static JsonObject Action(string type, JsonObject data) => new() { ["type"] = type, ["data"] = data };

    private StorageException Failed(Exception e)
    {
        var said = _process.ErrorText;
        return new StorageException(StorageFailure.ToolFailed, $"VM {VmId}: {e.Message}{(said.Length > 0 ? $" (its process said: {said})" : string.Empty)}");
    }

    private static async Task CloseGuestAsync(LiveDisk disk)
    {
        if (disk.Guest is { } guest)
        {
            disk.Guest = null;
            await guest.DisposeAsync();
        }
    }
}
