// SPDX-License-Identifier: Apache-2.0

using Microsoft.Win32.SafeHandles;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>A raw image written to its file, which exists already, is all hole and has the disk's size.</summary>
internal sealed class FileDiskTarget : IDiskTarget
{
    private readonly SafeFileHandle _handle;
    private readonly DirectFile _file;

    public FileDiskTarget(string file)
    {
        _handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, FileOptions.Asynchronous);
        _file = new DirectFile(_handle, FileAccess.ReadWrite);
    }

    public int Connections => 4;

    public string Route => "direct";

    public bool CanZero => false;

    public bool CanChecksum => false;

    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        await _file.WriteAsync(offset, data, cancellationToken);

    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) =>
        throw new NotSupportedException("The file is all hole: nothing has to be zeroed.");

    public Task FlushAsync(CancellationToken cancellationToken)
    {
        RandomAccess.FlushToDisk(_handle);
        return Task.CompletedTask;
    }

    public Task<long> GetSizeAsync(CancellationToken cancellationToken) => Task.FromResult(RandomAccess.GetLength(_handle));

    public Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        _handle.Dispose();
        return ValueTask.CompletedTask;
    }
}
