// SPDX-License-Identifier: Apache-2.0

using System.Formats.Tar;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using OvirtDistributed.Lab.Processes;
using OvirtDistributed.Simulator.Engine.Devices;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Storage.Qmp;

namespace OvirtDistributed.Lab.Guests;

/// <summary>
/// A small Linux VM that qemu runs, without the processor's help: real virtio-scsi disks that come and go while it runs, a real kernel and udev.
/// It reaches this machine's loopback as 10.0.2.2, and is reached on ports of it.
/// </summary>
/// <param name="systemUuid">What its firmware says it is.</param>
/// <param name="directory">For its monitor's socket and its console's log; it exists.</param>
internal sealed class GuestMachine(Guid systemUuid, string directory) : IGuestBus, IAsyncDisposable
{
    private const string Bus = "scsi0";

    /// <summary>Without the processor's help, beside other work, a guest takes its time.</summary>
    private static readonly TimeSpan GuestLimit = TimeSpan.FromSeconds(60);

    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<Guid, GuestDisk> _disks = [];
    private ChildProcess? _process;
    private QmpClient? _monitor;

    /// <summary>Disks that came while it ran.</summary>
    public int HotPlugged { get; private set; }

    /// <summary>The most disks it had at any moment.</summary>
    public int MostDisks { get; private set; }

    /// <summary>Disks that the guest has let go while it ran.</summary>
    public int HotUnplugged { get; private set; }

    public bool HasExited => _process?.HasExited ?? true;

    public int ProcessId => _process?.Id ?? 0;

    private string MonitorPath => Path.Combine(directory, "qmp");

    private string FilesPath => Path.Combine(directory, "files.tar");

    /// <summary>Boots it; returns when qemu runs, long before the guest does.</summary>
    /// <param name="start">Shell script that the guest runs; the VM ends with it.</param>
    /// <param name="files">Files that it finds where they are here.</param>
    /// <param name="ports">TCP ports of this machine's loopback that lead to the same ports of the guest.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task StartAsync(string start, IEnumerable<string> files, IEnumerable<int> ports, CancellationToken cancellationToken)
    {
        var image = await GuestImage.MakeAsync(cancellationToken);
        await WriteFilesAsync(start, files, cancellationToken);
        File.Delete(MonitorPath);
        await _gate.WaitAsync(cancellationToken);
        try
        {
            _process = ChildProcess.Start(
                "guest", "qemu-system-x86_64", Arguments(image, ports), new Dictionary<string, string?>(StringComparer.Ordinal), Path.Combine(directory, "console.log"));
            _monitor = await ConnectAsync(_process, cancellationToken);
            foreach (var disk in _disks.Values)
            {
                await AddAsync(_monitor, disk, cancellationToken);
            }
        }
        finally
        {
            _ = _gate.Release();
        }
    }

    /// <summary>The last lines of its console.</summary>
    public string Tail(int lines = 20) => _process?.Tail(lines) ?? "";

    /// <summary>Switches it off.</summary>
    public async Task StopAsync()
    {
        await _gate.WaitAsync(CancellationToken.None);
        try
        {
            if (_monitor is { } monitor)
            {
                _monitor = null;
                await monitor.DisposeAsync();
            }

            if (_process is { } process)
            {
                _process = null;
                await process.KillAsync();
                await process.DisposeAsync();
            }
        }
        finally
        {
            _ = _gate.Release();
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <inheritdoc/>
    /// <remarks>While it does not run, the disk is there from its start on.</remarks>
    public Task PlugAsync(GuestDisk disk, CancellationToken cancellationToken) => AloneAsync(
        async monitor =>
        {
            if (monitor is not null)
            {
                await AddAsync(monitor, disk, cancellationToken);
                HotPlugged++;
            }

            _disks.Add(disk.DiskId, disk);
            MostDisks = Math.Max(MostDisks, _disks.Count);
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task UnplugAsync(GuestDisk disk, CancellationToken cancellationToken) => AloneAsync(
        async monitor =>
        {
            if (monitor is not null && _disks.ContainsKey(disk.DiskId))
            {
                await RemoveAsync(monitor, disk, cancellationToken);
                HotUnplugged++;
            }

            _ = _disks.Remove(disk.DiskId);
        },
        cancellationToken);

    /// <remarks>The serial number is the disk's whole id; what udev makes a link of is the device's identification, which is shorter on older machine types.</remarks>
    private static async Task AddAsync(QmpClient monitor, GuestDisk disk, CancellationToken cancellationToken)
    {
        var name = NodeName(disk);
        _ = await monitor.ExecuteAsync(
            "blockdev-add",
            new JsonObject { ["driver"] = "host_device", ["node-name"] = name, ["filename"] = disk.Path, ["read-only"] = disk.ReadOnly, ["discard"] = "unmap" },
            cancellationToken);
        _ = await monitor.ExecuteAsync(
            "device_add",
            new JsonObject
            {
                ["driver"] = "scsi-hd",
                ["bus"] = $"{Bus}.0",
                ["drive"] = name,
                ["id"] = name,
                ["serial"] = disk.DiskId.ToString("D"),
                ["device_id"] = disk.Serial,
            },
            cancellationToken);
    }

    private static async Task RemoveAsync(QmpClient monitor, GuestDisk disk, CancellationToken cancellationToken)
    {
        var name = NodeName(disk);
        using var gone = monitor.Expect("DEVICE_DELETED", data => data["device"] is JsonValue device && device.GetValue<string>() == name);
        _ = await monitor.ExecuteAsync("device_del", new JsonObject { ["id"] = name }, cancellationToken);
        _ = await gone.Seen.WaitAsync(GuestLimit, TimeProvider.System, cancellationToken);
        _ = await monitor.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = name }, cancellationToken);
    }

    /// <summary>qemu takes 31 characters at most.</summary>
    private static string NodeName(GuestDisk disk) => $"disk-{disk.DiskId.ToString("N")[..24]}";

    private async Task AloneAsync(Func<QmpClient?, Task> work, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await work(_monitor);
        }
        catch (Exception e) when (e is QmpException or TimeoutException)
        {
            throw new StorageException(StorageFailure.ToolFailed, $"VM {systemUuid}: {e.Message}");
        }
        finally
        {
            _ = _gate.Release();
        }
    }

    private string[] Arguments(GuestImage image, IEnumerable<int> ports) =>
    [
        "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "1024", "-uuid", systemUuid.ToString(), "-nodefaults", "-display", "none", "-no-reboot",
        "-kernel", image.Kernel, "-initrd", image.RamDisk, "-append", "console=ttyS0 quiet panic=-1", "-serial", "stdio",
        "-qmp", $"unix:{MonitorPath},server=on,wait=off", "-drive", $"if=virtio,format=raw,readonly=on,file={FilesPath}", "-device", $"virtio-scsi-pci,id={Bus}",
        "-netdev", $"user,id=net0{string.Concat(ports.Select(port => $",hostfwd=tcp:127.0.0.1:{port}-:{port}"))}", "-device", "virtio-net-pci,netdev=net0",
    ];

    private async Task WriteFilesAsync(string start, IEnumerable<string> files, CancellationToken cancellationToken)
    {
        await using var tar = new TarWriter(File.Create(FilesPath), TarEntryFormat.Ustar);
        await tar.WriteEntryAsync(
            new UstarTarEntry(TarEntryType.RegularFile, "etc/ovd/start") { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(start)) }, cancellationToken);
        foreach (var file in files)
        {
            await tar.WriteEntryAsync(file, file.TrimStart('/'), cancellationToken);
        }
    }

    private async Task<QmpClient> ConnectAsync(ChildProcess process, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(GuestLimit);
        while (true)
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"qemu-system-x86_64 ended at once:{Environment.NewLine}{process.Tail()}");
            }

            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(MonitorPath), limit.Token);
                return await QmpClient.StartAsync(socket, TimeProvider.System, limit.Token);
            }
            catch (SocketException)
            {
                socket.Dispose();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
        }
    }
}
