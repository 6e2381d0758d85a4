// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Tests.Simulator.Api;

/// <summary>Storage that keeps books but no data: the engine's rules are tested without images and processes.</summary>
internal sealed class FakeStorage : IDiskStorage
{
    private readonly ConcurrentDictionary<Guid, List<VolumeState>> _chains = new();
    private readonly ConcurrentDictionary<Guid, BackupSpec> _backups = new();
    private int _exports;

    /// <summary>Set to make the next calls of that kind fail.</summary>
    public ConcurrentDictionary<string, StorageException> Failures { get; } = new(StringComparer.Ordinal);

    public ConcurrentBag<ExportSpec> Exports { get; } = [];

    public ConcurrentQueue<string> Calls { get; } = new();

    public string ImagesDirectory => throw new NotSupportedException("There are no files.");

    public Task CreateDiskAsync(DiskSpec spec, CancellationToken cancellationToken) => Do(nameof(CreateDiskAsync), () =>
        _chains[spec.DiskId] = [new VolumeState(spec.DiskId, spec.ImageId, null, spec.Format, spec.Sparse, spec.VirtualSizeBytes, 4096)]);

    public Task DeleteDiskAsync(Guid diskId, CancellationToken cancellationToken) => Do(nameof(DeleteDiskAsync), () => _chains.TryRemove(diskId, out _));

    public Task ResizeDiskAsync(Guid diskId, long virtualSizeBytes, CancellationToken cancellationToken) => Do(nameof(ResizeDiskAsync), () => _chains[diskId].Count);

    public Task ConvertDiskAsync(Guid diskId, VolumeFormat format, CancellationToken cancellationToken) => Do(nameof(ConvertDiskAsync), () => _chains[diskId].Count);

    public Task<IReadOnlyList<VolumeState>> GetChainAsync(Guid diskId, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<VolumeState>>([.. _chains[diskId]]);

    public Task CreateSnapshotAsync(Guid vmId, IReadOnlyList<(Guid DiskId, Guid NewImageId)> disks, CancellationToken cancellationToken) =>
        Do(nameof(CreateSnapshotAsync), () =>
        {
            foreach (var (disk, image) in disks)
            {
                PutOverlay(disk, image);
            }

            return 0;
        });

    public Task RemoveSnapshotLayerAsync(Guid diskId, Guid imageId, CancellationToken cancellationToken) =>
        Do(nameof(RemoveSnapshotLayerAsync), () =>
        {
            // The lower volume stays.
            var chain = _chains[diskId];
            var upper = chain.Find(v => v.ParentId == imageId)!;
            chain.Remove(upper);
            _chains[diskId] = [.. chain.Select(v => v.ParentId == upper.ImageId ? v with { ParentId = imageId } : v)];
            return 0;
        });

    public Task RevertToLayerAsync(Guid diskId, Guid imageId, Guid newActiveImageId, CancellationToken cancellationToken) =>
        Do(nameof(RevertToLayerAsync), () => _chains[diskId].Count);

    public Task CloneDiskAsync(Guid diskId, Guid? imageId, DiskSpec target, CancellationToken cancellationToken) =>
        CreateDiskAsync(target, cancellationToken);

    public Task StandOnAsync(Guid templateDiskId, DiskSpec target, CancellationToken cancellationToken) => CreateDiskAsync(target, cancellationToken);

    public Task CopyToFileAsync(Guid diskId, string file, VolumeFormat format, CancellationToken cancellationToken) =>
        throw new NotSupportedException("There are no files.");

    public Task CopyFromFileAsync(string file, VolumeFormat format, DiskSpec target, CancellationToken cancellationToken) =>
        throw new NotSupportedException("There are no files.");

    public Task StartVmAsync(Guid vmId, IReadOnlyList<Guid> diskIds, CancellationToken cancellationToken) => Do(nameof(StartVmAsync), () => 0);

    public Task StopVmAsync(Guid vmId, bool clean, CancellationToken cancellationToken) => Do($"{nameof(StopVmAsync)} clean={clean}", () => 0);

    public Task HotPlugAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken) => Do(nameof(HotPlugAsync), () => 0);

    public Task HotUnplugAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken) => Do(nameof(HotUnplugAsync), () => 0);

    public Task GuestWriteAsync(Guid diskId, long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task GuestTrimAsync(Guid diskId, long offsetBytes, long lengthBytes, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task GuestReadAsync(Guid diskId, long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task SaveReferenceAsync(Guid diskId, string rawFilePath, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartBackupAsync(BackupSpec spec, CancellationToken cancellationToken) => Do(nameof(StartBackupAsync), () =>
    {
        foreach (var disk in spec.Disks.Where(d => d.NewImage is not null))
        {
            PutOverlay(disk.DiskId, disk.NewImage!.Value);
        }

        return _backups[spec.BackupId] = spec;
    });

    public Task StopBackupAsync(Guid backupId, CancellationToken cancellationToken) => Do(nameof(StopBackupAsync), () => _backups.TryRemove(backupId, out _));

    public Task RemoveCheckpointAsync(Guid checkpointId, Guid? previous, IReadOnlyList<Guid> diskIds, CancellationToken cancellationToken) =>
        Do($"{nameof(RemoveCheckpointAsync)} {checkpointId} {previous}", () => 0);

    public Task LoseBitmapAsync(Guid checkpointId, Guid diskId, CancellationToken cancellationToken) => Do($"{nameof(LoseBitmapAsync)} {checkpointId}", () => 0);

    public Task<IDiskExport> OpenExportAsync(ExportSpec spec, CancellationToken cancellationToken)
    {
        Fail(nameof(OpenExportAsync));
        Exports.Add(spec);
        Interlocked.Increment(ref _exports);
        var incremental = spec.BackupId is { } id && _backups[id].Disks.Any(d => d.DiskId == spec.DiskId && d.FromCheckpoint is not null);
        return Task.FromResult<IDiskExport>(new Export(this, _chains[spec.DiskId][^1].VirtualSizeBytes, incremental));
    }

    public long? DeviceReadLimit { get; set; }

    public async Task<IDiskDevice> OpenDeviceAsync(DeviceSpec spec, CancellationToken cancellationToken)
    {
        await Do($"{nameof(OpenDeviceAsync)} {spec.DiskId} {spec.ImageId}", () => 0);
        return new Device(this);
    }

    public IReadOnlyList<string> Leftovers() =>
        [.. _backups.Keys.Select(b => $"backup {b}"), .. Enumerable.Repeat("export", Volatile.Read(ref _exports))];

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void PutOverlay(Guid disk, Guid image)
    {
        var top = _chains[disk][^1];
        _chains[disk].Add(top with { ImageId = image, ParentId = top.ImageId, Format = VolumeFormat.Cow });
    }

    private Task Do<T>(string call, Func<T> change)
    {
        Fail(call.Split(' ')[0]);
        Calls.Enqueue(call);
        _ = change();
        return Task.CompletedTask;
    }

    private void Fail(string call)
    {
        if (Failures.TryRemove(call, out var failure))
        {
            throw failure;
        }
    }

    private sealed class Export(FakeStorage owner, long size, bool dirty) : IDiskExport
    {
        private int _disposed;

        public string Url => "nbd:unix:/nowhere:exportname=x";

        public long SizeBytes => size;

        public bool HasDirtyExtents => dirty;

        public ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                Interlocked.Decrement(ref owner._exports);
            }

            return ValueTask.CompletedTask;
        }
    }

    private sealed class Device(FakeStorage owner) : IDiskDevice
    {
        public string Path => "/dev/null";

        public Task CloseAsync(CancellationToken cancellationToken) => owner.Do(nameof(CloseAsync), () => 0);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
