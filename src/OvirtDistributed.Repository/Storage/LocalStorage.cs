// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;

namespace OvirtDistributed.Repository.Storage;

/// <summary>Storage on a local or mounted POSIX file system. The file system must keep the promises of fsync(2) and of an atomic rename(2).</summary>
public sealed class LocalStorage : IStorageBackend
{
    private const string TemporaryFolder = ".tmp";

    private readonly string _root;

    // Folders known to be there, so that a new object costs one directory flush and not one per level.
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    // Who looks into a directory that turns out not to be its own leaves nothing there.
    private bool _madeTemporaryFolder;
    private volatile bool _wrote;

    private LocalStorage(string root)
    {
        _root = root;
    }

    public string Description => _root;

    /// <summary>A backend over one directory, which is made when it is not there.</summary>
    /// <exception cref="RepositoryException">The directory cannot be made or written.</exception>
    public static LocalStorage Open(string directory)
    {
        var storage = new LocalStorage(Path.GetFullPath(directory));
        Guard($"open {storage._root}", () =>
        {
            var existed = Directory.Exists(storage._root);
            storage._madeTemporaryFolder = !Directory.Exists(storage.TemporaryPath);
            Directory.CreateDirectory(storage.TemporaryPath);
            if (!existed)
            {
                Posix.FlushDirectory(Path.GetDirectoryName(storage._root) ?? "/");
            }
        });
        return storage;
    }

    public StorageCapacity? GetCapacity()
    {
        try
        {
            var drive = new DriveInfo(_root);
            return new StorageCapacity(drive.TotalSize, drive.AvailableFreeSpace);
        }
        catch (Exception exception) when (StorageFailure.IsExpected(exception))
        {
            return null;
        }
    }

    public Task<StorageObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(Guard<StorageObject?>($"look up {name}", () =>
        {
            var file = new FileInfo(PathOf(name));
            return file.Exists ? new StorageObject(name, file.Length) : null;
        }));
    }

    public async IAsyncEnumerable<StorageObject> ListAsync(string folder, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var directory = new DirectoryInfo(PathOf(folder));
        if (!directory.Exists)
        {
            yield break;
        }

        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.None };
        using var files = Guard($"list {folder}", () => directory.EnumerateFiles("*", options).GetEnumerator());
        while (Guard($"list {folder}", files.MoveNext))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return new StorageObject(Path.GetRelativePath(_root, files.Current.FullName), files.Current.Length);
        }

        await Task.CompletedTask;
    }

    public Task<IStorageReader?> OpenReadAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(Guard<IStorageReader?>($"open {name}", () =>
        {
            try
            {
                return new LocalReader(name, PathOf(name));
            }
            catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
            {
                return null;
            }
        }));
    }

    public async Task<bool> PutAsync(string name, ReadOnlyMemory<byte> content, StoragePutMode mode, CancellationToken cancellationToken)
    {
        await using var writer = new LocalWriter(this, name, PathOf(name), NewTemporaryPath());
        await writer.WriteAsync(content, cancellationToken);
        return await writer.CommitAsync(mode, cancellationToken);
    }

    public Task<IStorageWriter> CreateWriterAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult<IStorageWriter>(new LocalWriter(this, name, PathOf(name), NewTemporaryPath()));
    }

    public Task<IStorageAppender> OpenAppendAsync(string name, bool create, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        return Task.Run(
            () => Guard<IStorageAppender>($"open {name} to append", () =>
            {
                if (create)
                {
                    EnsureFolder(path);
                }

                var appender = new LocalAppender(name, path, create);
                if (create)
                {
                    Posix.FlushDirectory(Path.GetDirectoryName(path)!);
                }

                return appender;
            }),
            cancellationToken);
    }

    public Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        return Task.Run(
            () => Guard($"delete {name}", () =>
            {
                if (File.Exists(path))
                {
                    File.Delete(path);
                    Posix.FlushDirectory(Path.GetDirectoryName(path)!);
                }
            }),
            cancellationToken);
    }

    /// <summary>A file system has no retention: here only the repository's own rules hold.</summary>
    public Task<bool> ProtectAsync(string name, DateTimeOffset until, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task<IAsyncDisposable?> TryLockAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(name);
        EnsureFolder(path);
        FileStream stream;
        try
        {
            // FileShare.None takes flock(2) on Linux: it ends with the process, and no other process gets it meanwhile.
            stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException held) when (held.HResult == StorageFailure.HeldByAnother)
        {
            return Task.FromResult<IAsyncDisposable?>(null);
        }
        catch (Exception exception) when (StorageFailure.IsExpected(exception))
        {
            throw StorageFailure.From(exception, $"lock {path}");
        }

        RemoveLeftovers();
        return Task.FromResult<IAsyncDisposable?>(stream);
    }

    public ValueTask DisposeAsync()
    {
        if (_madeTemporaryFolder && !_wrote)
        {
            try
            {
                Directory.Delete(TemporaryPath);
            }
            catch (Exception exception) when (StorageFailure.IsExpected(exception))
            {
                // Somebody else's write is in it, or it is gone already.
            }
        }

        return ValueTask.CompletedTask;
    }

    internal static void Guard(string what, Action action) => Guard(what, () =>
    {
        action();
        return true;
    });

    internal static T Guard<T>(string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception exception) when (StorageFailure.IsExpected(exception))
        {
            throw StorageFailure.From(exception, what);
        }
    }

    /// <summary>Makes the folder of a file and all above it durably.</summary>
    internal void EnsureFolder(string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        _wrote = true;
        lock (_gate)
        {
            if (!_folders.Contains(folder))
            {
                CreateFolder(folder);
                _folders.Add(folder);
            }
        }
    }

    private static void CreateFolder(string folder)
    {
        if (Directory.Exists(folder))
        {
            return;
        }

        var parent = Path.GetDirectoryName(folder)!;
        CreateFolder(parent);
        Directory.CreateDirectory(folder);
        Posix.FlushDirectory(parent);
    }

    private string PathOf(string name)
    {
        StorageNames.RequireName(name);
        return Path.Combine(_root, name);
    }

    private string TemporaryPath => Path.Combine(_root, TemporaryFolder);

    private string NewTemporaryPath() => Path.Combine(TemporaryPath, Guid.NewGuid().ToString("N"));

    // Who holds the lock is the only writer, so whatever is unfinished belongs to a process that is gone.
    private void RemoveLeftovers() => Guard("remove unfinished writes", () =>
    {
        foreach (var file in Directory.EnumerateFiles(TemporaryPath))
        {
            File.Delete(file);
        }
    });
}
