// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>What the BCL has no call for: owners, holes, and making a directory's entries durable.</summary>
internal static partial class ExportFile
{
    /// <summary>The user and group that hosts access storage as: vdsm and kvm, everywhere.</summary>
    private const int Vdsm = 36;

    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int NoSuchData = 6; // ENXIO
    private const int KeepSize = 0x1;
    private const int PunchHole = 0x2;
    private const int DirectoryOnly = 0x10000; // O_DIRECTORY of x86-64
    private const int DirectoryOnlyArm64 = 0x4000;
    private const int CloseOnExec = 0x80000;

    /// <summary>Gives a new file or folder to the hosts. Only root can, and everybody else needs to be them already.</summary>
    /// <exception cref="IOException">Root was refused: the export squashes it to another user.</exception>
    public static void Own(string path, bool folder)
    {
        File.SetUnixFileMode(path, folder
            ? UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute
            : UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        if (Environment.IsPrivilegedProcess && ChangeOwner(path, Vdsm, Vdsm) != 0)
        {
            throw new IOException($"{path} cannot be given to uid and gid {Vdsm}, which hosts access it as: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    /// <exception cref="IOException">It cannot be made durable.</exception>
    public static void FlushFolder(string path)
    {
        var only = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? DirectoryOnlyArm64 : DirectoryOnly;
        using var handle = Open(path, only | CloseOnExec);
        if (handle.IsInvalid || Flush(handle) != 0)
        {
            throw new IOException($"Directory {path} cannot be made durable: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    /// <summary>Where the next data begins, at or after an offset; the file's size when there is none. Without knowledge of holes everything is data.</summary>
    public static long NextData(SafeFileHandle file, long offset, long size)
    {
        var found = Seek(file, offset, SeekData);
        return found >= 0 ? Math.Min(found, size) : Marshal.GetLastPInvokeError() == NoSuchData ? size : offset;
    }

    /// <summary>Where the data at an offset ends.</summary>
    public static long EndOfData(SafeFileHandle file, long offset, long size)
    {
        var found = Seek(file, offset, SeekHole);
        return found > offset ? Math.Min(found, size) : size;
    }

    /// <summary>False where the file system cannot.</summary>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length) => Allocate(file, PunchHole | KeepSize, offset, length) == 0;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Flush(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ChangeOwner(string path, int user, int group);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);
}
