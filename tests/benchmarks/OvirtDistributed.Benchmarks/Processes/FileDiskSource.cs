// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>A raw image read from its file, as restic, borg and qemu-img read it. Holes come from the file system, changes from a list of blocks.</summary>
internal sealed partial class FileDiskSource(string file, IReadOnlyList<long> dirtyBlocks) : IDiskSource
{
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int NoSuchData = 6;

    private readonly SafeFileHandle _handle = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.Asynchronous);

    public long SizeBytes { get; } = new FileInfo(file).Length;

    public int Connections => 4;

    public string Route => "direct";

    public bool ReadsUnchanged => true;

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        foreach (var extent in changes ? Changes() : Allocation())
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return extent;
        }
    }

    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (destination.Length > 0)
        {
            var count = await RandomAccess.ReadAsync(_handle, destination, offset, cancellationToken);
            if (count == 0)
            {
                throw new EndOfStreamException($"{file} ended at {offset}.");
            }

            destination = destination[count..];
            offset += count;
        }
    }

    public ValueTask DisposeAsync()
    {
        _handle.Dispose();
        return ValueTask.CompletedTask;
    }

    private IEnumerable<SourceExtent> Changes()
    {
        var position = 0L;
        foreach (var offset in dirtyBlocks)
        {
            if (offset > position)
            {
                yield return new SourceExtent(position, offset - position, IsZero: false, IsDirty: false);
            }

            yield return new SourceExtent(offset, TestImages.BlockBytes, IsZero: false, IsDirty: true);
            position = offset + TestImages.BlockBytes;
        }

        if (position < SizeBytes)
        {
            yield return new SourceExtent(position, SizeBytes - position, IsZero: false, IsDirty: false);
        }
    }

    private IEnumerable<SourceExtent> Allocation()
    {
        var position = 0L;
        while (position < SizeBytes)
        {
            var data = Seek(position, SeekData);
            if (data > position)
            {
                yield return new SourceExtent(position, data - position, IsZero: true, IsDirty: false);
            }

            if (data >= SizeBytes)
            {
                yield break;
            }

            position = Seek(data, SeekHole);
            yield return new SourceExtent(data, position - data, IsZero: false, IsDirty: false);
        }
    }

    private long Seek(long offset, int whence)
    {
        var found = LSeek(_handle, offset, whence);
        if (found < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            return error == NoSuchData ? SizeBytes : throw new IOException($"lseek in {file} failed with error {error}.");
        }

        return found;
    }

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial long LSeek(SafeFileHandle file, long offset, int whence);
}
