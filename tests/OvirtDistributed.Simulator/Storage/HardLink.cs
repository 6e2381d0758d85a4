// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>A second name for a file, as hosts give a template's volume in the folder of each disk that stands on it.</summary>
internal static partial class HardLink
{
    /// <exception cref="IOException">It cannot be made.</exception>
    public static void Create(string file, string name)
    {
        if (Link(file, name) != 0)
        {
            throw new IOException($"{name} could not be linked to {file}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string file, string name);
}
