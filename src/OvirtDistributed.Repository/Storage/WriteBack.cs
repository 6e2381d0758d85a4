// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Repository.Storage;

/// <summary>
/// Lets the disk begin with what was written while more is being made. Without it the kernel keeps gigabytes back, and the flush at the
/// end waits for all of them: the disk idles while the image is made, and the processors while it is flushed.
/// </summary>
public static partial class WriteBack
{
    private const uint StartWriting = 2; // SYNC_FILE_RANGE_WRITE

    /// <summary>Starts the writing of a range and does not wait for its end. Promises nothing: what must survive a crash is flushed as ever.</summary>
    /// <param name="handle">An open file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    public static void Begin(SafeFileHandle handle, long offset, long length) =>
        _ = SyncFileRange(handle, offset, length, StartWriting); // a hint: where the file system has no such call the flush does it all

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static partial int SyncFileRange(SafeFileHandle handle, long offset, long length, uint flags);
}
