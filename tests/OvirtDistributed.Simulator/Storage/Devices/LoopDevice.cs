// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage.Devices;

/// <summary>A file of this machine as a block device with sectors of 512 bytes.</summary>
internal sealed partial class LoopDevice
{
    /// <summary>Far beyond what a call to the kernel takes on a loaded machine.</summary>
    private static readonly TimeSpan ToolDeadline = TimeSpan.FromSeconds(60);

    /// <summary>LOOP_CLR_FD.</summary>
    private const nuint ClearFile = 0x4C01;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(10);

    private readonly string _backing;
    private readonly TimeProvider _timeProvider;

    private LoopDevice(string path, string backing, TimeProvider timeProvider)
    {
        Path = path;
        _backing = backing;
        _timeProvider = timeProvider;
    }

    public string Path { get; }

    /// <exception cref="StorageException">This machine has no loop devices, or none for us.</exception>
    public static async Task<LoopDevice> AttachAsync(string losetup, string file, bool readOnly, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        string[] arguments = ["--find", "--show", .. readOnly ? ["--read-only"] : Array.Empty<string>(), file];
        var result = await Tool.RunAsync(losetup, arguments, ToolDeadline, timeProvider, cancellationToken);
        var path = result.Output.Trim();
        return result.Code == 0 && BackingFile(System.IO.Path.GetFileName(path)) is { } backing
            ? new LoopDevice(path, backing, timeProvider)
            : throw new StorageException(
                StorageFailure.ToolFailed,
                $"Loop devices cannot be used on this machine, so disks cannot be shown as block devices: {result.Error}. It takes root's rights and /dev/loop-control.");
    }

    /// <summary>Devices that show files whose path begins with <paramref name="prefix"/>; path and file.</summary>
    public static IEnumerable<(string Path, string File)> Below(string prefix)
    {
        foreach (var block in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            var name = System.IO.Path.GetFileName(block);
            if (BackingFile(name) is { } file && file.StartsWith(prefix, StringComparison.Ordinal))
            {
                yield return ($"/dev/{name}", file);
            }
        }
    }

    /// <summary>Lets a device go: at once, or when those who have it open have closed it.</summary>
    public static void Release(string path)
    {
        try
        {
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            _ = Control(handle, ClearFile, 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It shows nothing any more. Whoever waits for it looks whether it does.
        }
    }

    /// <summary>Waits until no process has the device open.</summary>
    /// <returns>Who has it open still when the time is over; null when nobody does.</returns>
    public async Task<string?> WaitUntilClosedAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        var started = _timeProvider.GetTimestamp();
        while (true)
        {
            var holders = IsBound ? Holders() : [];
            if (holders.Count == 0)
            {
                return null;
            }

            if (_timeProvider.GetElapsedTime(started) > limit)
            {
                return string.Join(", ", holders);
            }

            await Task.Delay(RetryInterval, _timeProvider, cancellationToken);
        }
    }

    /// <summary>Returns when everything that was written to the device is in its file.</summary>
    /// <exception cref="StorageException">Something that was written could not be.</exception>
    public void Flush()
    {
        if (!IsBound)
        {
            return;
        }

        try
        {
            using var handle = File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            RandomAccess.FlushToDisk(handle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFailure.ToolFailed, $"What was written to {Path} is not all in its image: {e.Message}");
        }
    }

    /// <summary>Lets the device go and waits until it is gone.</summary>
    /// <returns>False when it was opened again meanwhile: it goes when it is closed.</returns>
    public async Task<bool> DetachAsync(TimeSpan limit)
    {
        if (IsBound)
        {
            Release(Path);
        }

        var started = _timeProvider.GetTimestamp();
        while (IsBound)
        {
            if (_timeProvider.GetElapsedTime(started) > limit)
            {
                return false;
            }

            await Task.Delay(RetryInterval, _timeProvider, CancellationToken.None);
        }

        return true;
    }

    /// <summary>A device that was let go may be another's already.</summary>
    private bool IsBound => BackingFile(System.IO.Path.GetFileName(Path)) == _backing;

    private static string? BackingFile(string name)
    {
        try
        {
            return File.ReadAllText($"/sys/block/{name}/loop/backing_file").TrimEnd('\n');
        }
        catch (IOException)
        {
            // It shows nothing.
            return null;
        }
    }

    private List<string> Holders()
    {
        var holders = new List<string>();
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(System.IO.Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && HasOpen(process))
            {
                holders.Add($"{NameOf(process)} (pid {id})");
            }
        }

        return holders;
    }

    private bool HasOpen(string process)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(System.IO.Path.Combine(process, "fd")).Any(fd => new FileInfo(fd).LinkTarget == Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or closed the file while we looked: the next look tells.
            return false;
        }
    }

    private static string NameOf(string process)
    {
        try
        {
            return File.ReadAllText(System.IO.Path.Combine(process, "comm")).Trim();
        }
        catch (IOException)
        {
            return "a process";
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Control(SafeFileHandle handle, nuint request, nint argument);
}
