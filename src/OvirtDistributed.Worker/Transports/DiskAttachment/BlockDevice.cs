// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.DiskAttachment;

/// <summary>A block device opened for this task alone. The kernel refuses that while it is mounted, or while LVM or RAID have activated what is on it.</summary>
internal sealed partial class BlockDevice : IDisposable
{
    private const int ReadOnly = 0x0;
    private const int ReadWrite = 0x2;
    private const int Exclusive = 0x80;
    private const int CloseOnExec = 0x80000;
    private const int SeekEnd = 2;
    private const int NotPermitted = 1;
    private const int AccessDenied = 13;
    private const int Busy = 16;
    private const int DontNeed = 4;
    private const int KeepSize = 0x1;
    private const int PunchHole = 0x2;
    private const int ZeroRange = 0x10;
    private const int NotSupported = 95;

    private readonly string _path;
    private readonly FailureCode _side;
    private readonly DirectFile _file;

    private BlockDevice(string path, SafeFileHandle handle, bool writable, long sizeBytes, FailureCode side)
    {
        _path = path;
        Handle = handle;
        _file = new DirectFile(handle, writable ? FileAccess.ReadWrite : FileAccess.Read);
        SizeBytes = sizeBytes;
        _side = side;
    }

    public SafeFileHandle Handle { get; }

    public long SizeBytes { get; }

    /// <exception cref="TaskFailureException">It cannot be opened, or something on the worker uses it.</exception>
    public static BlockDevice Open(string path, bool writable)
    {
        var side = writable ? FailureCode.TargetFailed : FailureCode.SourceFailed;
        var handle = OpenFile(path, (writable ? ReadWrite : ReadOnly) | Exclusive | CloseOnExec);
        if (handle.IsInvalid)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new TaskFailureException(side, error == Busy
                ? $"Device {path} is in use on the worker: it is mounted, or LVM or RAID have activated what is on it. Nothing was touched. Keep the worker from doing so (an empty LVM devices file, no automatic mounts)."
                : $"Device {path} cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}.{(error is NotPermitted or AccessDenied ? " Run the worker as root." : "")}");
        }

        var size = Seek(handle, 0, SeekEnd);
        if (size >= 0)
        {
            return new BlockDevice(path, handle, writable, size, side);
        }

        handle.Dispose();
        throw new TaskFailureException(side, $"The size of device {path} cannot be read.");
    }

    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        try
        {
            var count = await _file.ReadFullyAsync(offset, destination, cancellationToken);
            if (count < destination.Length)
            {
                throw new TaskFailureException(_side, $"Device {_path} ended at byte {offset + count}: it was detached, or shrank.");
            }
        }
        catch (IOException failure)
        {
            throw Failure("read", offset, failure);
        }
    }

    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        try
        {
            await _file.WriteAsync(offset, data, cancellationToken);
        }
        catch (IOException failure)
        {
            throw Failure("written", offset, failure);
        }
    }

    /// <summary>Makes a range read as zeroes, without space behind it where the storage can.</summary>
    public void Zero(long offset, long length)
    {
        if (Allocate(Handle, PunchHole | KeepSize, offset, length) == 0)
        {
            return;
        }

        if (Marshal.GetLastPInvokeError() != NotSupported || Allocate(Handle, ZeroRange | KeepSize, offset, length) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new TaskFailureException(_side, $"Device {_path} cannot be zeroed at byte {offset}: {Marshal.GetPInvokeErrorMessage(error)}.");
        }
    }

    /// <summary>Makes durable what was written, and forgets what of it is in memory, so that reading it back asks the device.</summary>
    public void Flush()
    {
        try
        {
            RandomAccess.FlushToDisk(Handle);
        }
        catch (IOException failure)
        {
            throw Failure("flushed", 0, failure);
        }

        _ = Advise(Handle, 0, 0, DontNeed);
    }

    public void Dispose()
    {
        _file.Dispose();
        Handle.Dispose();
    }

    private TaskFailureException Failure(string verb, long offset, IOException failure) =>
        new(_side, $"Device {_path} could not be {verb} at byte {offset}: {failure.Message}", failure);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial SafeFileHandle OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
