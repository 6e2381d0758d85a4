// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    private static readonly TimeSpan OrphanDeadline = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Ends the children of a predecessor that was killed: processes whose command line names our run directory. They still hold image locks.
    /// The directory's lock is ours, so no living owner exists.
    /// </summary>
    private void ClearRunDirectory()
    {
        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(entry), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && IsOrphan(id))
            {
                EndOrphan(id);
            }
        }

        foreach (var file in Directory.EnumerateFiles(_run))
        {
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
