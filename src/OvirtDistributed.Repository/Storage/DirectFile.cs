// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OvirtDistributed.Repository.Memory;

namespace OvirtDistributed.Repository.Storage;

/// <summary>
/// Reads and writes an open file or block device past the page cache where that can be done, through it otherwise. An image that is written once and not read
/// again has nothing to gain from the cache, and copying into it was more than half of a restore's CPU time.
/// </summary>
/// <remarks>
/// Direct are transfers of whole pages at a multiple of a page, with memory of a <see cref="PageBuffer"/>; the rest goes through the handle it was made from, and the kernel keeps
/// both in step. Nothing is durable before the file is flushed. Safe for concurrent use; the handle stays its owner's.
/// </remarks>
public sealed partial class DirectFile : IDisposable
{
    private const int ReadOnly = 0x0;
    private const int ReadWrite = 0x2;
    private const int WriteOnly = 0x1;
    private const int CloseOnExec = 0x80000;
    private const int Direct = 0x4000; // O_DIRECT of x86-64
    private const int DirectArm64 = 0x10000;
    private const int InvalidArgument = 22; // EINVAL: larger blocks than a page, or no direct access after all

    private readonly SafeFileHandle _through;
    private readonly SafeFileHandle? _direct;
    private volatile bool _isDirect;

    /// <param name="handle">Open for what is wanted. It must not be closed before this.</param>
    /// <param name="access">Of the handle.</param>
    public DirectFile(SafeFileHandle handle, FileAccess access)
    {
        _through = handle;
        var flags = access switch { FileAccess.Read => ReadOnly, FileAccess.Write => WriteOnly, _ => ReadWrite };
        var direct = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? DirectArm64 : Direct;

        // By the handle, not by a name that may be another file's by now.
        var opened = Open($"/proc/self/fd/{handle.DangerousGetHandle()}", flags | direct | CloseOnExec);
        if (opened.IsInvalid)
        {
            // A file system without direct access, such as tmpfs.
            opened.Dispose();
            return;
        }

        _direct = opened;
        _isDirect = true;
    }

    /// <summary>Whether it goes past the page cache, as far as is known by now.</summary>
    public bool IsDirect => _isDirect;

    /// <summary>Writes all of it.</summary>
    /// <exception cref="IOException">Nothing is known of the range then.</exception>
    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        if (Fits(offset, data))
        {
            try
            {
                await RandomAccess.WriteAsync(_direct!, data, offset, cancellationToken);
                return;
            }
            catch (IOException failure) when (ErrorOf(failure) == InvalidArgument)
            {
                _isDirect = false;
            }
        }

        await RandomAccess.WriteAsync(_through, data, offset, cancellationToken);
        WriteBack.Begin(_through, offset, data.Length);
    }

    /// <summary>Reads what is there, at most the destination's length.</summary>
    /// <returns>Bytes; 0 at the end.</returns>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (Fits(offset, destination))
        {
            try
            {
                return await RandomAccess.ReadAsync(_direct!, destination, offset, cancellationToken);
            }
            catch (IOException failure) when (ErrorOf(failure) == InvalidArgument)
            {
                _isDirect = false;
            }
        }

        return await RandomAccess.ReadAsync(_through, destination, offset, cancellationToken);
    }

    /// <summary>Fills the destination as far as the file goes.</summary>
    /// <returns>Bytes; fewer than the destination's at the end of the file only.</returns>
    public async ValueTask<int> ReadFullyAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var done = 0;
        while (true)
        {
            var count = done < destination.Length ? await ReadAsync(offset + done, destination[done..], cancellationToken) : 0;
            if (count == 0)
            {
                return done;
            }

            done += count;
        }
    }

    /// <summary>Closes its own handle, not the one it was made from.</summary>
    public void Dispose() => _direct?.Dispose();

    private bool Fits(long offset, ReadOnlyMemory<byte> bytes) => _isDirect && offset % PageBuffer.PageBytes == 0 && PageBuffer.IsAligned(bytes);

    // The BCL keeps the platform's number there.
    private static int ErrorOf(IOException failure) => failure.HResult;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial SafeFileHandle Open(string path, int flags);
}
