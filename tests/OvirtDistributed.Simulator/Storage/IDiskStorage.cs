// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage;

/// <summary>Format of a volume file.</summary>
public enum VolumeFormat
{
    Raw,
    Cow,
}

/// <summary>A new disk: its image group id, its first volume's id, and how the volume is laid out.</summary>
public sealed record DiskSpec(Guid DiskId, Guid ImageId, VolumeFormat Format, bool Sparse, long VirtualSizeBytes);

/// <summary>
/// What is known of one volume of a disk's chain. <paramref name="ParentId"/> is the layer below it, <paramref name="TemplateDisk"/> the disk of a template that the
/// volume belongs to.
/// </summary>
public sealed record VolumeState(
    Guid DiskId, Guid ImageId, Guid? ParentId, VolumeFormat Format, bool Sparse, long VirtualSizeBytes, long ActualSizeBytes, Guid? TemplateDisk = null);

/// <summary>
/// One disk of a backup. <paramref name="FromCheckpoint"/> is set when its dirty blocks are wanted. <paramref name="NewImage"/> is set on every disk of a
/// hybrid backup: the id of the layer that is put over the present active one, which then stays as it is and is what the backup reads.
/// </summary>
public sealed record BackupDisk(Guid DiskId, Guid? FromCheckpoint, Guid? NewImage = null);

/// <summary>A backup to start. <paramref name="ToCheckpoint"/> is recorded on every cow disk of the set at the same point in time.</summary>
public sealed record BackupSpec(Guid BackupId, Guid VmId, Guid ToCheckpoint, IReadOnlyList<BackupDisk> Disks);

/// <summary>What an image transfer serves.</summary>
public enum ExportKind
{
    /// <summary>The whole chain up to <see cref="ExportSpec.ImageId"/> (the active layer when null).</summary>
    Chain,

    /// <summary>Only the layer <see cref="ExportSpec.ImageId"/>: what it does not allocate is a hole.</summary>
    Layer,

    /// <summary>The disk as it was when the backup <see cref="ExportSpec.BackupId"/> began, with its dirty bitmap where it is incremental.</summary>
    Backup,

    /// <summary>The bytes of the volume file itself.</summary>
    File,
}

/// <summary>An export to open for an image transfer. <paramref name="Writable"/> for uploads.</summary>
public sealed record ExportSpec(ExportKind Kind, Guid DiskId, Guid? ImageId, Guid? BackupId, bool Writable);

/// <summary>
/// An open export. <see cref="Url"/> has the form an imageio ticket carries: <c>nbd:unix:/path:exportname=NAME</c> or <c>file:///path</c>.
/// Disposing closes it and waits until the serving process has let go of the image; it may be disposed twice.
/// </summary>
public interface IDiskExport : IAsyncDisposable
{
    /// <summary>Where the data is served, in the ticket's form.</summary>
    string Url { get; }

    /// <summary>Size of what is served, in bytes: the virtual size, or the file's size for <see cref="ExportKind.File"/>.</summary>
    long SizeBytes { get; }

    /// <summary>True when the export carries a dirty bitmap.</summary>
    bool HasDirtyExtents { get; }
}

/// <summary>
/// A disk as the guest of the running VM <paramref name="VmId"/> sees it. With <paramref name="ImageId"/> it is a snapshot's volume, which stays as it is
/// whatever the guest writes; without, it is the disk itself, which is plugged to that VM.
/// </summary>
public sealed record DeviceSpec(Guid VmId, Guid DiskId, Guid? ImageId, bool ReadOnly);

/// <summary>A disk as a block device of this machine. Disposing takes it away even while it is open, as a power failure would.</summary>
public interface IDiskDevice : IAsyncDisposable
{
    /// <summary>The device, for example <c>/dev/loop3</c>.</summary>
    string Path { get; }

    /// <summary>Takes the device away; what was written to it is in the image then. Waits a moment for whoever has it open.</summary>
    /// <exception cref="StorageException">It is still open (<see cref="StorageFailure.Busy"/>, and it stays), or what was written is lost.</exception>
    Task CloseAsync(CancellationToken cancellationToken);
}

/// <summary>Raised for what a real host would refuse. <see cref="Failure"/> tells the engine part which answer or event to give.</summary>
public sealed class StorageException(StorageFailure failure, string message) : Exception(message)
{
    public StorageFailure Failure { get; } = failure;
}

/// <summary>Why storage refused.</summary>
public enum StorageFailure
{
    NotFound,
    AlreadyExists,
    Busy,
    NoSpace,

    /// <summary>The bitmap of a checkpoint is missing or inconsistent: an incremental backup from it is impossible.</summary>
    CheckpointUnusable,
    ToolFailed,
}

/// <summary>
/// The hosts and storage domains of the simulated data center, as the engine part uses them: real qcow2 and raw files, overlays for
/// snapshots, bitmaps for checkpoints, and a qemu-storage-daemon for each running VM.
/// Ids are the engine's: a disk id names the image group, an image id one volume of it. Members may be called concurrently;
/// calls for one disk are carried out one after another. Errors are <see cref="StorageException"/>.
/// </summary>
public interface IDiskStorage : IAsyncDisposable
{
    /// <summary>Where the volumes of disks are, as DISK/VOLUME.</summary>
    string ImagesDirectory { get; }

    Task CreateDiskAsync(DiskSpec spec, CancellationToken cancellationToken);

    /// <summary>Removes the disk with all its volumes. Unknown ids are no error.</summary>
    Task DeleteDiskAsync(Guid diskId, CancellationToken cancellationToken);

    /// <summary>Grows the active layer to <paramref name="virtualSizeBytes"/>; works on a running VM's disk too.</summary>
    Task ResizeDiskAsync(Guid diskId, long virtualSizeBytes, CancellationToken cancellationToken);

    /// <summary>Rewrites a single-volume disk in another format. Checkpoints are lost.</summary>
    Task ConvertDiskAsync(Guid diskId, VolumeFormat format, CancellationToken cancellationToken);

    /// <summary>The chain of the disk, base first, the active layer last.</summary>
    Task<IReadOnlyList<VolumeState>> GetChainAsync(Guid diskId, CancellationToken cancellationToken);

    /// <summary>Puts a new empty overlay on each disk at one point in time; the old active layers become the snapshot's. Works for running VMs.</summary>
    Task CreateSnapshotAsync(Guid vmId, IReadOnlyList<(Guid DiskId, Guid NewImageId)> disks, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a snapshot's layer: the data of the layer above it is merged into <paramref name="imageId"/>, which keeps its id and now stands for what
    /// the layer above stood for; that one's id is gone.
    /// </summary>
    Task RemoveSnapshotLayerAsync(Guid diskId, Guid imageId, CancellationToken cancellationToken);

    /// <summary>Drops the layers above <paramref name="imageId"/> and makes a new empty active layer over it (restore of a snapshot, VM down).</summary>
    Task RevertToLayerAsync(Guid diskId, Guid imageId, Guid newActiveImageId, CancellationToken cancellationToken);

    /// <summary>A full, flattened copy of the chain up to <paramref name="imageId"/> (active layer when null) as a new disk.</summary>
    Task CloneDiskAsync(Guid diskId, Guid? imageId, DiskSpec target, CancellationToken cancellationToken);

    /// <summary>A new, empty layer on a template's disk, which has one volume and does not change any more: a thin copy, in the qcow2 format.</summary>
    Task StandOnAsync(Guid templateDiskId, DiskSpec target, CancellationToken cancellationToken);

    /// <summary>A full, flattened copy of the disk as a file of a format.</summary>
    Task CopyToFileAsync(Guid diskId, string file, VolumeFormat format, CancellationToken cancellationToken);

    /// <summary>A new disk with the content of a file, which stands alone.</summary>
    Task CopyFromFileAsync(string file, VolumeFormat format, DiskSpec target, CancellationToken cancellationToken);

    /// <summary>Starts the VM's storage process with these disks. From now on guest writes go through it.</summary>
    Task StartVmAsync(Guid vmId, IReadOnlyList<Guid> diskIds, CancellationToken cancellationToken);

    /// <summary>Stops the VM's storage process; <paramref name="clean"/> false kills it, which leaves its bitmaps inconsistent as a host crash does.</summary>
    Task StopVmAsync(Guid vmId, bool clean, CancellationToken cancellationToken);

    Task HotPlugAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken);

    Task HotUnplugAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken);

    /// <summary>A write by the guest (or by the test on a stopped VM's disk) to the active layer; dirty bitmaps see it.</summary>
    Task GuestWriteAsync(Guid diskId, long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

    /// <summary>Many guest writes, which must not overlap: the way to fill a disk. Far cheaper on a stopped VM's disk than single calls.</summary>
    async Task GuestWriteManyAsync(
        Guid diskId, IEnumerable<(long OffsetBytes, ReadOnlyMemory<byte> Data)> writes, CancellationToken cancellationToken)
    {
        foreach (var (offsetBytes, data) in writes)
        {
            await GuestWriteAsync(diskId, offsetBytes, data, cancellationToken);
        }
    }

    /// <summary>A discard by the guest; the range reads as zeroes afterwards.</summary>
    Task GuestTrimAsync(Guid diskId, long offsetBytes, long lengthBytes, CancellationToken cancellationToken);

    /// <summary>Reads guest-visible data of the active layer.</summary>
    Task GuestReadAsync(Guid diskId, long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>Writes the guest-visible content of the active layer to a sparse raw file: the reference a restore is compared with.</summary>
    Task SaveReferenceAsync(Guid diskId, string rawFilePath, CancellationToken cancellationToken);

    /// <summary>
    /// Starts a backup at one point in time: live (VM running: bitmaps, scratch overlays and exports in its storage process), cold (VM stopped: bitmaps in
    /// the files) or hybrid (running or stopped: a snapshot whose frozen layers are exported; other calls for the disk go on meanwhile).
    /// Fails with <see cref="StorageFailure.CheckpointUnusable"/> when a wanted bitmap is missing or inconsistent; nothing is left behind then.
    /// </summary>
    Task StartBackupAsync(BackupSpec spec, CancellationToken cancellationToken);

    /// <summary>
    /// Ends the backup and removes its scratch files. Exports of it must have been disposed. Unknown ids are no error.
    /// The snapshot of a hybrid backup stays: <see cref="RemoveSnapshotLayerAsync"/> merges it.
    /// </summary>
    Task StopBackupAsync(Guid backupId, CancellationToken cancellationToken);

    /// <summary>Removes a checkpoint's bitmaps from these disks; dirty blocks it had recorded since the previous one are merged into that one (<paramref name="previous"/>), when there is one.</summary>
    Task RemoveCheckpointAsync(Guid checkpointId, Guid? previous, IReadOnlyList<Guid> diskIds, CancellationToken cancellationToken);

    /// <summary>Damages a checkpoint's bitmap on a disk by removing it behind the engine's back: the "lost bitmap" fault.</summary>
    Task LoseBitmapAsync(Guid checkpointId, Guid diskId, CancellationToken cancellationToken);

    /// <summary>Opens an export for an image transfer.</summary>
    Task<IDiskExport> OpenExportAsync(ExportSpec spec, CancellationToken cancellationToken);

    /// <summary>Bytes that a device opened from now on gives in a second; null for as fast as it goes.</summary>
    long? DeviceReadLimit { get; set; }

    /// <summary>Shows a disk as a block device of this machine.</summary>
    /// <exception cref="StorageException">Also when this machine has no FUSE or no loop devices; the message says so.</exception>
    Task<IDiskDevice> OpenDeviceAsync(DeviceSpec spec, CancellationToken cancellationToken);

    /// <summary>Names of everything still running or lying about: exports, scratch files, backups. Empty after a clean end; tests assert it. Devices are their owner's.</summary>
    IReadOnlyList<string> Leftovers();
}
