// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Repository.Storage;

/// <summary>What the BCL has no call for: flushing a directory, and only the data of a file (open(2), fsync(2), fdatasync(2)).</summary>
internal static partial class Posix
{
    private const int ReadOnlyDirectory = 0x10000 | 0x80000; // O_RDONLY | O_DIRECTORY | O_CLOEXEC of x86-64 Linux; see Directory below

    private const int ReadOnlyDirectoryArm64 = 0x4000 | 0x80000;

    private const int NoPermission = 1; // EPERM: also "this file system has no hard links"
    private const int NameTaken = 17; // EEXIST
    private const int NotSupported = 95; // EOPNOTSUPP
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint NoReplace = 1; // RENAME_NOREPLACE

    /// <summary>Makes the entries of a directory durable.</summary>
    public static void FlushDirectory(string path)
    {
        var flags = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? ReadOnlyDirectoryArm64 : ReadOnlyDirectory;
        using var handle = new SafeFileHandle(Open(path, flags), ownsHandle: true);
        if (handle.IsInvalid)
        {
            throw Failure($"open directory {path}");
        }

        if (Fsync(handle) != 0)
        {
            throw Failure($"flush directory {path}");
        }
    }

    /// <summary>Makes the data of a file durable, and its length.</summary>
    public static void FlushData(SafeFileHandle handle, string path)
    {
        if (Fdatasync(handle) != 0)
        {
            throw Failure($"flush {path}");
        }
    }

    /// <summary>
    /// Gives a file another name, unless that is taken: atomic between processes. File.Move is not, it looks first and then renames.
    /// </summary>
    /// <returns>False, and no change, when the name is taken.</returns>
    public static bool TryMoveToFreeName(string from, string to)
    {
        if (Link(from, to) == 0)
        {
            File.Delete(from);
            return true;
        }

        var hasNoLinks = Marshal.GetLastPInvokeError() is NoPermission or NotSupported;
        if (hasNoLinks && Rename(CurrentDirectory, from, CurrentDirectory, to, NoReplace) == 0)
        {
            return true;
        }

        return Marshal.GetLastPInvokeError() == NameTaken ? false : throw Failure($"move to {to}");
    }

    private static IOException Failure(string what)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(error)}", error);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int fromDirectory, string from, int toDirectory, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int Fdatasync(SafeFileHandle handle);
}
