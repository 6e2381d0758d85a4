// SPDX-License-Identifier: Apache-2.0
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Repository.Storage;

/// <summary>Temporary file, fsync, rename, fsync of the folder: the object is there whole, or not at all.</summary>
internal sealed class LocalWriter : IStorageWriter
{
    private readonly LocalStorage _storage;
    private readonly string _name;
    private readonly string _path;
    private readonly string _temporary;
    private readonly SafeFileHandle _handle;
    private long _length;
    private bool _moved;

    public LocalWriter(LocalStorage storage, string name, string path, string temporary)
    {
        _storage = storage;
        _name = name;
        _path = path;
        _temporary = temporary;

        // Shared, because after the move readers may come before the handle is closed.
        _handle = LocalStorage.Guard($"create {name}", () => File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete));
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            RandomAccess.Write(_handle, content.Span, _length);
            _length += content.Length;
            return ValueTask.CompletedTask;
        }
        catch (Exception exception) when (StorageFailure.IsExpected(exception))
        {
            throw StorageFailure.From(exception, $"write {_name}");
        }
    }

    public Task CommitAsync(CancellationToken cancellationToken) => CommitAsync(StoragePutMode.Replace, cancellationToken);

    public Task<bool> CommitAsync(StoragePutMode mode, CancellationToken cancellationToken) =>
        Task.Run(() => LocalStorage.Guard($"commit {_name}", () => Commit(mode)), cancellationToken);

    public ValueTask DisposeAsync()
    {
        _handle.Dispose();
        if (!_moved)
        {
            LocalStorage.Guard($"remove unfinished {_name}", () => File.Delete(_temporary));
        }

        return ValueTask.CompletedTask;
    }

    private bool Commit(StoragePutMode mode)
    {
        _storage.EnsureFolder(_path);
        Posix.FlushData(_handle, _name);
        if (mode == StoragePutMode.Replace)
        {
            File.Move(_temporary, _path, overwrite: true);
        }
        else if (!Posix.TryMoveToFreeName(_temporary, _path))
        {
            return false;
        }

        _moved = true;
        Posix.FlushDirectory(Path.GetDirectoryName(_path)!);
        return true;
    }
}
