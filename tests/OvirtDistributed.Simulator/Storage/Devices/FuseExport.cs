// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage.Devices;

/// <summary>An image as a raw file of this machine: a qemu-storage-daemon that mounts it over an empty file. Disposing takes the mount away.</summary>
internal sealed partial class FuseExport : IAsyncDisposable
{
    private const string Node = "device";

    /// <summary>MNT_DETACH.</summary>
    private const int Detach = 2;

    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(5);

    /// <summary>A clean end writes everything back; with much dirty data on a slow disk that takes a while.</summary>
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(30);

    private readonly ChildProcess _process;
    private readonly string _pidFile;
    private readonly TimeProvider _timeProvider;

    private FuseExport(ChildProcess process, string file, string pidFile, TimeProvider timeProvider)
    {
        _process = process;
        File = file;
        _pidFile = pidFile;
        _timeProvider = timeProvider;
    }

    /// <summary>The raw file.</summary>
    public string File { get; }

    public IEnumerable<string> Files => [File, _pidFile];

    /// <summary>Mounts the image that <paramref name="image"/> describes in the words of blockdev-add; <paramref name="readLimit"/> in bytes in a second.</summary>
    /// <exception cref="StorageException">The image cannot be opened, or this machine has no FUSE.</exception>
    public static async Task<FuseExport> StartAsync(
        DiskStorageOptions options, JsonObject image, string file, bool writable, long? readLimit, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        await System.IO.File.WriteAllBytesAsync(file, [], cancellationToken);
        var pidFile = file + ".pid";
        string[] limit = [];
        if (readLimit is { } bytes)
        {
            limit = ["--object", $"throttle-group,id=limit,x-bps-read={bytes.ToString(CultureInfo.InvariantCulture)}"];
            image = new JsonObject { ["driver"] = "throttle", ["throttle-group"] = "limit", ["file"] = image };
        }

        image["node-name"] = Node;
        var export = new JsonObject { ["type"] = "fuse", ["id"] = Node, ["node-name"] = Node, ["mountpoint"] = file, ["writable"] = writable };
        var process = ChildProcess.Start(
            options.QemuStorageDaemon,
            [.. limit, "--pidfile", pidFile, "--blockdev", image.ToJsonString(), "--export", export.ToJsonString()],
            readOutput: false);
        var mounted = new FuseExport(process, file, pidFile, timeProvider);
        try
        {
            await mounted.WaitAsync(cancellationToken);
            return mounted;
        }
        catch
        {
            await mounted.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes a mount away, also one that is in use or whose server is dead. Nothing happens when there is none.</summary>
    public static void Unmount(string file) => _ = Unmount(file, Detach);

    public async ValueTask DisposeAsync()
    {
        _ = await _process.StopAsync(StopGrace, _timeProvider);
        await _process.DisposeAsync();
        // It takes its mount away, unless it had to be killed.
        Unmount(File);
        System.IO.File.Delete(File);
        System.IO.File.Delete(_pidFile);
    }

    /// <summary>The daemon writes its pid file when its exports are there.</summary>
    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        var started = _timeProvider.GetTimestamp();
        while (!System.IO.File.Exists(_pidFile))
        {
            if (_process.Exited.IsCompleted)
            {
                var said = _process.ErrorText;
                throw new StorageException(
                    StorageFailure.ToolFailed,
                    said.Contains("fuse", StringComparison.OrdinalIgnoreCase)
                        ? $"FUSE cannot be used on this machine, so disks cannot be shown as block devices: {said}. It takes /dev/fuse, root's rights and a qemu-storage-daemon that is built with FUSE."
                        : $"{_process} ended with code {await _process.Exited}: {said}");
            }

            if (_timeProvider.GetElapsedTime(started) > StartDeadline)
            {
                throw new StorageException(StorageFailure.ToolFailed, $"{_process} did not mount {File} within {StartDeadline}: {_process.ErrorText}");
            }

            await Task.Delay(RetryInterval, _timeProvider, cancellationToken);
        }
    }

    [LibraryImport("libc", EntryPoint = "umount2", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmount(string mountPoint, int flags);
}
