// SPDX-License-Identifier: Apache-2.0
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Repository.Storage;

internal sealed class LocalAppender : IStorageAppender
{
    private readonly string _name;
    private readonly SafeFileHandle _handle;

    public LocalAppender(string name, string path, bool create)
    {
        _name = name;
        _handle = File.OpenHandle(path, create ? FileMode.CreateNew : FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        Length = RandomAccess.GetLength(_handle);
    }

    public long Length { get; private set; }

    public ValueTask AppendAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            RandomAccess.Write(_handle, content.Span, Length);
            Length += content.Length;
            return ValueTask.CompletedTask;
        }
        catch (Exception exception) when (StorageFailure.IsExpected(exception))
        {
            throw StorageFailure.From(exception, $"append to {_name}");
        }
    }

    public Task FlushAsync(CancellationToken cancellationToken) =>
        Task.Run(() => LocalStorage.Guard($"flush {_name}", () => Posix.FlushData(_handle, _name)), cancellationToken);

    public ValueTask DisposeAsync()
    {
        _handle.Dispose();
        return ValueTask.CompletedTask;
    }
}
