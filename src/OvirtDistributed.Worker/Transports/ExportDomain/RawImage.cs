// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>A raw volume: the file is the disk. Holes are told where the file system knows them (NFS from version 4.2 on); else all of it is read.</summary>
internal sealed class RawImage : IExportImage
{
    private const int ZeroBytes = 1 << 20;

    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private readonly DirectFile _file;
    private readonly FailureCode _side;

    private RawImage(string path, SafeFileHandle handle, FileAccess access, FailureCode side)
    {
        _path = path;
        _handle = handle;
        _side = side;
        SizeBytes = RandomAccess.GetLength(handle);
        _file = new DirectFile(handle, access);
    }

    public long SizeBytes { get; }

    /// <exception cref="TaskFailureException">It cannot be opened.</exception>
    public static RawImage Open(string path) => Try(
        path, FailureCode.SourceFailed, "opened", 0, () => new RawImage(path, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite), FileAccess.Read, FailureCode.SourceFailed));

    /// <summary>A new file of that size, all of it a hole.</summary>
    /// <exception cref="TaskFailureException">It cannot be made.</exception>
    public static RawImage Create(string path, long sizeBytes) => Try(path, FailureCode.TargetFailed, "made", 0, () =>
    {
        using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.SetLength(sizeBytes);
        }

        ExportFile.Own(path, folder: false);
        return new RawImage(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite), FileAccess.ReadWrite, FailureCode.TargetFailed);
    });

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        for (var offset = 0L; offset < SizeBytes;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var data = ExportFile.NextData(_handle, offset, SizeBytes);
            if (data > offset)
            {
                yield return new SourceExtent(offset, data - offset, IsZero: true, IsDirty: true);
            }

            if (data < SizeBytes)
            {
                var end = ExportFile.EndOfData(_handle, data, SizeBytes);
                yield return new SourceExtent(data, end - data, IsZero: false, IsDirty: true);
                data = end;
            }

            offset = data;
        }
    }

    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        try
        {
            var count = await _file.ReadFullyAsync(offset, destination, cancellationToken);
            if (count < destination.Length)
            {
                throw new TaskFailureException(_side, $"Volume {_path} ended at byte {offset + count}: it was deleted or cut while it was read.");
            }
        }
        catch (IOException failure)
        {
            throw Failure(_path, _side, "read", offset, failure);
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
            throw Failure(_path, _side, "written", offset, failure);
        }
    }

    public async Task ZeroAsync(long offset, long length, CancellationToken cancellationToken)
    {
        if (ExportFile.TryPunchHole(_handle, offset, length))
        {
            return;
        }

        var zeroes = new byte[Math.Min(ZeroBytes, length)];
        for (var end = offset + length; offset < end; offset += zeroes.Length)
        {
            await WriteAsync(offset, zeroes.AsMemory(0, (int)Math.Min(zeroes.Length, end - offset)), cancellationToken);
        }
    }

    public Task FlushAsync(CancellationToken cancellationToken) => Task.Run(
        () => Try(_path, _side, "flushed", 0, () =>
        {
            RandomAccess.FlushToDisk(_handle);
            return true;
        }),
        cancellationToken);

    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        _handle.Dispose();
        return ValueTask.CompletedTask;
    }

    private static T Try<T>(string path, FailureCode side, string verb, long offset, Func<T> access)
    {
        try
        {
            return access();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Failure(path, side, verb, offset, failure);
        }
    }

    private static TaskFailureException Failure(string path, FailureCode side, string verb, long offset, Exception failure) =>
        new(side, $"Volume {path} could not be {verb} at byte {offset}: {failure.Message}", failure);
}
