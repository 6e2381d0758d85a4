// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Worker.Transports;

/// <summary>Temporary folders that name the process they belong to, so that what a killed worker left is found by the next.</summary>
internal static class ProcessFolder
{
    /// <summary>A new folder that only this user can enter. Folders of the same kind whose process is gone are removed.</summary>
    /// <param name="prefix">The kind.</param>
    /// <returns>Its path; the caller removes it.</returns>
    public static string Create(string prefix)
    {
        Sweep(prefix);
        return Directory.CreateTempSubdirectory($"{prefix}{Environment.ProcessId}-").FullName;
    }

    private static void Sweep(string prefix)
    {
        foreach (var folder in Directory.EnumerateDirectories(Path.GetTempPath(), $"{prefix}*"))
        {
            var owner = Path.GetFileName(folder)[prefix.Length..].Split('-')[0];
            if (!int.TryParse(owner, NumberStyles.None, CultureInfo.InvariantCulture, out var process) || Directory.Exists($"/proc/{process}"))
            {
                continue;
            }

            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Another worker was faster, or it is another user's.
            }
        }
    }
}
