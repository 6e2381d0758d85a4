// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace OvirtDistributed.Cli.Restore;

/// <summary>fsync of a directory, which makes a rename durable; .NET opens files only.</summary>
internal static partial class DirectorySync
{
    private const int ReadOnly = 0;
    private const int InvalidArgument = 22;

    /// <exception cref="IOException">The directory cannot be opened or synchronized.</exception>
    public static void Flush(string directory)
    {
        var descriptor = Open(directory, ReadOnly);
        if (descriptor < 0)
        {
            throw Failed(directory);
        }

        try
        {
            // EINVAL: some network file systems have no fsync for directories; their renames are durable by themselves.
            if (Fsync(descriptor) != 0 && Marshal.GetLastPInvokeError() != InvalidArgument)
            {
                throw Failed(directory);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failed(string directory) => new($"directory '{directory}': {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
