// SPDX-License-Identifier: Apache-2.0
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Repository.Storage;

internal sealed class LocalAppender : IStorageAppender
{
    private readonly string _name;
    private readonly string _path;
    private readonly SafeFileHandle _handle;

    public LocalAppender(string name, string path, bool create)
    {
        _name = name;
        _path = path;
        _handle = File.OpenHandle(path, create ? FileMode.CreateNew : FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        Length = RandomAccess.GetLength(_handle);
    }

    public long Length { get; private set; }

    public ValueTask AppendAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            // Before the write: one behind a cut makes a hole, and the length looks right again.
            RequirePresent(RandomAccess.GetLength(_handle), Length, "cut off");
            RandomAccess.Write(_handle, content.Span, Length);
            Length += content.Length;
            return ValueTask.CompletedTask;
        }
        catch (Exception exception) when (StorageFailure.IsExpected(exception))
        {
            throw StorageFailure.From(exception, $"append to {_name}");
        }
    }

    public Task FlushAsync(CancellationToken cancellationToken)
    {
        var length = Length;
        return Task.Run(
            () => LocalStorage.Guard($"flush {_name}", () =>
            {
                Posix.FlushData(_handle, _name);
                var file = new FileInfo(_path);
                RequirePresent(file.Exists ? file.Length : 0, length, file.Exists ? "cut off" : "removed");
            }),
            cancellationToken);
    }

    /// <summary>A file that somebody removed or cut off takes writes and flushes like any other, and keeps nothing of them.</summary>
    private static void RequirePresent(long left, long length, string how)
    {
        if (left < length)
        {
            throw new IOException(
                $"the file was {how} by somebody else while it was written, {left} of {length} bytes are left; what it held is sent again by the next attempt");
        }
    }

    public ValueTask DisposeAsync()
    {
        _handle.Dispose();
        return ValueTask.CompletedTask;
    }
}
