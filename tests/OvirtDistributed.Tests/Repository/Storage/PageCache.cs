// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Tests.Repository.Storage;

/// <summary>Asks the kernel what of a file is in memory (mincore).</summary>
internal static partial class PageCache
{
    private const int Read = 1;
    private const int Shared = 1;

    public static int ResidentPages(SafeFileHandle handle, int length)
    {
        var start = Map(0, (nuint)length, Read, Shared, handle, 0);
        if (start == -1)
        {
            throw new IOException($"mmap: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        try
        {
            var pages = new byte[(length + 4095) / 4096];
            return InCore(start, (nuint)length, pages) == 0
                ? pages.Count(page => (page & 1) != 0)
                : throw new IOException($"mincore: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        finally
        {
            _ = Unmap(start, (nuint)length);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint at, nuint length, int protection, int flags, SafeFileHandle file, nint offset);

    [LibraryImport("libc", EntryPoint = "mincore", SetLastError = true)]
    private static partial int InCore(nint at, nuint length, [Out] byte[] pages);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint at, nuint length);
}
