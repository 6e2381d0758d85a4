// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Simulator.ImageIo.Backends;

/// <summary>The bytes of a volume file itself: one writer, and one extent that is all data.</summary>
internal sealed partial class FileImageBackend : IImageBackend
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private static readonly byte[] Zeroes = new byte[1 << 20];

    private readonly FileStream _file;
    private readonly long _sizeBytes;
    private readonly bool _sparse;

    private FileImageBackend(FileStream file, long sizeBytes, int readers, bool sparse)
    {
        _sparse = sparse;
        _file = file;
        _sizeBytes = sizeBytes;
        MaxReaders = readers;
    }

    public long SizeBytes => Math.Max(_sizeBytes, 0);

    public int MaxReaders { get; }

    public int MaxWriters => 1;

    public static IImageBackend Open(ImageTicket ticket, int connections)
    {
        var path = new Uri(ticket.Url).LocalPath;
        var writes = ticket.Ops.Contains("write", StringComparer.Ordinal);
        var file = new FileStream(
            path, FileMode.Open, writes ? FileAccess.ReadWrite : FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.Asynchronous);
        return new FileImageBackend(file, writes ? ticket.Size : Math.Min(ticket.Size, file.Length), connections, ticket.Sparse);
    }

    public async Task ReadAsync(long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (destination.Length > 0)
        {
            var count = await RandomAccess.ReadAsync(_file.SafeFileHandle, destination, offsetBytes, cancellationToken);
            if (count == 0)
            {
                // Past the end of a file that is shorter than its ticket: reads as zeroes, like the unwritten end of a volume.
                destination.Span.Clear();
                return;
            }

            destination = destination[count..];
            offsetBytes += count;
        }
    }

    public async Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        await RandomAccess.WriteAsync(_file.SafeFileHandle, data, offsetBytes, cancellationToken);

    public async Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken)
    {
        if (_file.Length < offsetBytes + lengthBytes)
        {
            _file.SetLength(offsetBytes + lengthBytes);
        }

        // Where the file system cannot give space back, zeroes are written.
        if (_sparse && lengthBytes > 0 && Deallocate(_file.SafeFileHandle, PunchHole | KeepSize, offsetBytes, lengthBytes) == 0)
        {
            return;
        }

        while (lengthBytes > 0)
        {
            var count = (int)Math.Min(Zeroes.Length, lengthBytes);
            await WriteAsync(offsetBytes, Zeroes.AsMemory(0, count), cancellationToken);
            offsetBytes += count;
            lengthBytes -= count;
        }
    }

    public Task FlushAsync(CancellationToken cancellationToken)
    {
        _file.Flush(flushToDisk: true);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<ImageExtent> ExtentsAsync(bool dirty, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        if (dirty)
        {
            throw new ImageIoRefusal(404, "File backend does not support dirty extents");
        }

        yield return new ImageExtent(0, SizeBytes, Zero: false, Hole: false, Dirty: false);
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Deallocate(SafeFileHandle file, int mode, long offset, long length);
}
