// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>Space a file really takes, which .NET does not tell.</summary>
internal static partial class FileUsage
{
    private const int CurrentDirectory = -100;
    private const uint MaskBlocks = 0x400;
    private const int StatxBytes = 256;

    /// <summary>Where statx(2) puts the number of 512-byte blocks, on every architecture.</summary>
    private const int BlocksOffset = 48;

    /// <summary>Allocated bytes; follows links. 0 when the file is not there.</summary>
    public static long AllocatedBytes(string file)
    {
        Span<byte> result = stackalloc byte[StatxBytes];
        result.Clear();
        return Statx(CurrentDirectory, file, 0, MaskBlocks, result) == 0
            ? MemoryMarshal.Read<long>(result[BlocksOffset..]) * 512
            : 0;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Statx(int directory, string path, int flags, uint mask, Span<byte> result);
}
