// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>Opens and makes images in the export domains that this worker has mounted.</summary>
internal sealed class ExportDomainDisks(ExportMounts mounts, QemuPrograms programs, TimeProvider time)
{
    public const string Route = "export-domain";

    /// <summary>Requests in flight: NFS answers many at once better than few.</summary>
    public const int Requests = 8;

    private const string Raw = "raw";
    private const string Qcow2 = "qcow2";

    /// <summary>The volume of an order, for reading.</summary>
    /// <exception cref="TaskFailureException">It is not there, not whole, or not what the order says.</exception>
    public async Task<ExportSource> OpenAsync(TaskOrder order, ExportDisk? disk, CancellationToken cancellationToken)
    {
        var (wanted, directory) = Enter(disk, FailureCode.SourceFailed);
        var file = directory.FindVolume(wanted);
        IExportImage image = wanted.Format == Raw ? RawImage.Open(file) : await Qcow2Image.OpenAsync(programs, file, time, cancellationToken);
        if (image.SizeBytes == order.DiskSizeBytes)
        {
            return new ExportSource(image);
        }

        var size = image.SizeBytes;
        await image.DisposeAsync();
        throw new TaskFailureException(FailureCode.BadOrder, $"Volume {file} is of {size} bytes, the order of disk {order.DiskId} says {order.DiskSizeBytes}: they are not the same disk.");
    }

    /// <summary>A new volume for an order, with the OVF of its VM.</summary>
    /// <exception cref="TaskFailureException">It cannot be made.</exception>
    public async Task<ExportTarget> CreateAsync(TaskOrder order, ExportDisk disk, CancellationToken cancellationToken)
    {
        var (wanted, directory) = Enter(disk, FailureCode.TargetFailed);
        if (wanted.Ovf.Length == 0)
        {
            throw Bad("it has no ovf");
        }

        var file = directory.PrepareVolume(wanted);
        var metadata = new VolumeMetadata(file, directory.Id, directory.Version, wanted.DiskId, order.DiskSizeBytes, wanted.Format == Raw, wanted.Sparse, time.GetUtcNow());
        IExportImage image = wanted.Format == Raw
            ? RawImage.Create(file, order.DiskSizeBytes)
            : await Qcow2Image.CreateAsync(programs, file, order.DiskSizeBytes, time, cancellationToken);
        try
        {
            metadata.Write(legal: false);
            return new ExportTarget(image, metadata);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            await image.DisposeAsync();
            throw new TaskFailureException(FailureCode.TargetFailed, $"The metadata of volume {file} could not be written: {failure.Message}", failure);
        }
    }

    private (ExportDisk Disk, ExportDirectory Directory) Enter(ExportDisk? disk, FailureCode side)
    {
        if (disk is null)
        {
            throw new TaskFailureException(FailureCode.BadOrder, "The order has no export_disk.");
        }

        return disk.Format is Raw or Qcow2
            ? (disk, ExportDirectory.Open(mounts.Find(disk), disk.StorageDomainId, side))
            : throw Bad($"format '{disk.Format}' is neither {Raw} nor {Qcow2}");
    }

    private static TaskFailureException Bad(string what) => new(FailureCode.BadOrder, $"The order's export_disk cannot be used: {what}.");
}
