// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using OvirtDistributed.Simulator.Storage.Devices;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    /// <summary>Leaves room in a unix socket address (107 bytes) for the names of sockets.</summary>
    private const int LongestRunDirectory = 80;

    private static readonly TimeSpan OrphanDeadline = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A directory of this storage's own, always the same for a data directory, so that a successor finds what was left in it.
    /// Beside the images, unless that path is too long for sockets.
    /// </summary>
    private static string RunDirectory(string dataDirectory, string? parent)
    {
        var beside = Path.Combine(dataDirectory, "run");
        if (parent is null && Encoding.UTF8.GetByteCount(beside) <= LongestRunDirectory)
        {
            return beside;
        }

        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(dataDirectory)).AsSpan(0, 6));
        return Path.Combine(Path.GetFullPath(parent ?? Path.GetTempPath()), "ovd-sim-" + name);
    }

    private void RemoveRunDirectory()
    {
        if (!Directory.EnumerateFileSystemEntries(_run).Any())
        {
            Directory.Delete(_run);
        }
    }

    /// <summary>
    /// Ends the children of a predecessor that was killed: processes whose command line names our run directory. They still hold image locks.
    /// So are block devices and mounts of its devices. The directory's lock is ours, so no living owner exists.
    /// </summary>
    private void ClearRunDirectory()
    {
        foreach (var (device, _) in LoopDevice.Below(_run + "/").ToList())
        {
            LoopDevice.Release(device);
        }

        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(entry), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && IsOrphan(id))
            {
                EndOrphan(id);
            }
        }

        foreach (var file in Directory.EnumerateFiles(_run))
        {
            FuseExport.Unmount(file);
            File.Delete(file);
        }
    }

    private bool IsOrphan(int processId)
    {
        try
        {
            var words = File.ReadAllText($"/proc/{processId}/cmdline").Split('\0');
            var program = Path.GetFileName(words[0]);
            return (program == Path.GetFileName(_options.QemuNbd) || program == Path.GetFileName(_options.QemuStorageDaemon))
                && words.Any(w => w.Contains(_run + "/", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void EndOrphan(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            process.Kill();
            _ = process.WaitForExit(OrphanDeadline);
            Log.OrphanEnded(_logger, processId);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It has ended meanwhile.
        }
    }
}
