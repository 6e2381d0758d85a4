// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Simulator.Storage.Devices;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>
/// <see cref="IDiskStorage"/> over one directory: <c>images/{disk}/{volume}</c> are links to data files, <c>run</c> holds sockets and scratch images.
/// An operation that has begun to change something is carried out to its end: cancellation takes effect while waiting for the disk and while copying data.
/// </summary>
public sealed partial class DiskStorage : IDiskStorage
{
    private readonly DiskStorageOptions _options;
    private readonly ILogger<DiskStorage> _logger;
    private readonly TimeProvider _timeProvider;
    private readonly QemuImg _qemuImg;
    private readonly string _images;
    private readonly string _run;
    private readonly FileStream _directoryLock;
    private readonly ConcurrentDictionary<Guid, DiskEntry> _disks = new();
    private readonly ConcurrentDictionary<Guid, VmProcess> _vms = new();
    private readonly ConcurrentDictionary<Guid, BackupEntry> _backups = new();
    private readonly ConcurrentDictionary<DiskExport, string> _exports = new();
    private readonly ConcurrentDictionary<DiskDevice, Guid> _devices = new();
    private readonly SemaphoreSlim _vmGate = new(1);
    private int _sequence;

    private DiskStorage(string dataDirectory, DiskStorageOptions options, ILoggerFactory loggerFactory, TimeProvider timeProvider)
    {
        _options = options;
        _logger = loggerFactory.CreateLogger<DiskStorage>();
        _timeProvider = timeProvider;
        _qemuImg = new QemuImg(options.QemuImg, timeProvider);
        _images = Path.Combine(dataDirectory, "images");
        _run = RunDirectory(dataDirectory, options.RunDirectory);
        _ = Directory.CreateDirectory(_images);
        _directoryLock = TakeLock(Path.Combine(dataDirectory, "lock"));
        _ = Directory.CreateDirectory(_run);
    }

    public string ImagesDirectory => _images;

    /// <summary>
    /// Opens a data directory, a new or an existing one; one storage at a time may have it. Processes that a killed predecessor left in it are ended first.
    /// </summary>
    /// <remarks>Deadlines of child processes run on <paramref name="timeProvider"/>, so it must be the system's: a clock that stands still would hang a failing call.</remarks>
    /// <exception cref="StorageException">Another storage has the directory.</exception>
    public static DiskStorage Open(string dataDirectory, DiskStorageOptions options, ILoggerFactory loggerFactory, TimeProvider timeProvider)
    {
        var storage = new DiskStorage(Path.GetFullPath(dataDirectory), options, loggerFactory, timeProvider);
        storage.ClearRunDirectory();
        foreach (var directory in Directory.EnumerateDirectories(storage._images))
        {
            if (DiskRecord.Load(directory) is { } record)
            {
                storage._disks[record.DiskId] = new DiskEntry(directory, record);
            }
        }

        return storage;
    }

    public IReadOnlyList<string> Leftovers()
    {
        var names = new List<string>();
        names.AddRange(_exports.Values.Select(url => $"export {url}"));
        names.AddRange(_backups.Keys.Select(id => $"backup {id}"));
        var known = _vms.Values.SelectMany(vm => new[] { vm.NbdPath, vm.MonitorPath }).Concat(_devices.Keys.SelectMany(d => d.Files)).ToHashSet(StringComparer.Ordinal);
        names.AddRange(Directory.EnumerateFiles(_run).Where(f => !known.Contains(f)).Select(f => $"file {Path.GetFileName(f)}"));
        return names;
    }

    /// <summary>Closes exports, ends backups and stops the VMs cleanly. Nothing of ours runs afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var device in _devices.Keys)
        {
            await TryAsync(() => device.DisposeAsync().AsTask());
        }

        foreach (var export in _exports.Keys)
        {
            await TryAsync(() => export.DisposeAsync().AsTask());
        }

        foreach (var backup in _backups.Keys)
        {
            await TryAsync(() => StopBackupAsync(backup, CancellationToken.None));
        }

        foreach (var vm in _vms)
        {
            await TryAsync(() => StopVmAsync(vm.Key, clean: true, CancellationToken.None));
            await vm.Value.DisposeAsync();
        }

        await _directoryLock.DisposeAsync();
        _vmGate.Dispose();
        RemoveRunDirectory();
    }

    /// <summary>One part that does not end in order must not keep the others running.</summary>
    private async Task TryAsync(Func<Task> close)
    {
        try
        {
            await close();
        }
        catch (StorageException e)
        {
            Log.CloseFailed(_logger, e.Message);
        }
    }

    private static FileStream TakeLock(string file)
    {
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new StorageException(StorageFailure.Busy, $"Another simulator uses {Path.GetDirectoryName(file)}. Stop it or choose another directory.");
        }
    }

    private DiskEntry Find(Guid diskId) =>
        _disks.TryGetValue(diskId, out var disk) ? disk : throw new StorageException(StorageFailure.NotFound, $"There is no disk {diskId}.");

    private Task<DiskHold> HoldAsync(Guid diskId, CancellationToken cancellationToken) => HoldAsync([diskId], cancellationToken);

    /// <summary>Takes the disks' gates, always in the order of their ids, so that two calls for overlapping sets cannot wait for each other.</summary>
    private async Task<DiskHold> HoldAsync(IEnumerable<Guid> diskIds, CancellationToken cancellationToken)
    {
        var hold = new DiskHold();
        try
        {
            foreach (var id in diskIds.Distinct().Order())
            {
                var disk = Find(id);
                await disk.Gate.WaitAsync(cancellationToken);
                hold.Add(disk);
                if (disk.Deleted)
                {
                    throw new StorageException(StorageFailure.NotFound, $"There is no disk {id}.");
                }
            }

            return hold;
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    private string NextRunFile(string prefix, string suffix) =>
        SocketFile.InDirectory(_run, prefix + QemuImg.Number(Interlocked.Increment(ref _sequence)) + suffix);
}
