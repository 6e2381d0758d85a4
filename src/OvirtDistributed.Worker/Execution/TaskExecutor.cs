// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Commands;
using OvirtDistributed.Worker.Restore;
using OvirtDistributed.Worker.Transports;
using OvirtDistributed.Worker.Transports.DiskAttachment;
using OvirtDistributed.Worker.Transports.ExportDomain;
using OvirtDistributed.Worker.Transports.ImageIo;
using OvirtDistributed.Worker.Transports.Ssh;
using OvirtDistributed.Worker.Transports.Volumes;

namespace OvirtDistributed.Worker.Execution;

/// <summary>Picks the transport mode's source or target for an order and runs the work over it.</summary>
internal sealed class TaskExecutor(
    string workerId, ImageIoConnector images, DeviceFinder devices, DiskBackup backup, DiskRestore restore, DiskCopy copy, DiskVerification verification,
    ExportDomainDisks exports, CommandExecution commands, TimeProvider time) : ITaskExecutor
{
    private const string CbtMode = "cbt";
    private const string ImageTransferMode = "image-transfer";
    private const string DiskAttachmentMode = "disk-attachment";
    private const string SshMode = "ssh";
    private const string ExportDomainMode = "export-domain";

    private readonly VolumeDisks _volumes = new(images);
    private readonly GuestCommands _guests = new(time);

    public IReadOnlyCollection<string> TransportModes { get; } = [CbtMode, ImageTransferMode, DiskAttachmentMode, SshMode, ExportDomainMode];

    public async Task<TaskSucceeded> ExecuteAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        if (order.WorkCase == TaskOrder.WorkOneofCase.Command)
        {
            return new TaskSucceeded { Command = await (order.Command.Guest is null ? commands.RunAsync(order, cancellationToken) : _guests.RunAsync(order, cancellationToken)) };
        }

        Check(order);
        control.OrderedRate = order.BytesPerSecond;
        return order.WorkCase switch
        {
            TaskOrder.WorkOneofCase.Backup => await BackUpAsync(order, control, cancellationToken),
            TaskOrder.WorkOneofCase.Copy => await copy.RunAsync(order, workerId, control, cancellationToken),
            TaskOrder.WorkOneofCase.Verify => await verification.RunAsync(order, control, cancellationToken),
            TaskOrder.WorkOneofCase.Restore => await RestoreAsync(order, control, cancellationToken),
            _ => throw new TaskFailureException(FailureCode.BadOrder, "The order names no work that the worker knows: update the worker."),
        };
    }

    private static void Check(TaskOrder order)
    {
        if (order.Mover is null || order.Mover.Address.Length == 0)
        {
            throw new TaskFailureException(FailureCode.BadOrder, "The order names no Data Mover.");
        }

        if (order.DiskSizeBytes <= 0)
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"The order's disk_size_bytes is {order.DiskSizeBytes}.");
        }
    }

    private async Task<TaskSucceeded> BackUpAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        if (!TransportModes.Contains(order.Backup.TransportMode))
        {
            throw new TaskFailureException(
                FailureCode.BadOrder, $"Transport mode '{order.Backup.TransportMode}' is not one of the worker's: {string.Join(", ", TransportModes)}.");
        }

        await using var source = await OpenSourceAsync(order, control, cancellationToken);
        control.Meter.Route = source.Route;
        return await backup.RunAsync(order, workerId, source, control, cancellationToken);
    }

    private async Task<IDiskSource> OpenSourceAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        if (order.Backup.TransportMode == DiskAttachmentMode)
        {
            return new BlockDeviceSource(await OpenDeviceAsync(order, order.Backup.AttachedDisk, writable: false, cancellationToken));
        }

        if (order.Backup.TransportMode == SshMode)
        {
            return new SshSource(await SshDiskClient.OpenAsync(order, order.Backup.SshDisk, writable: false, time, cancellationToken));
        }

        if (order.Backup.TransportMode == ExportDomainMode)
        {
            return await exports.OpenAsync(order, order.Backup.ExportDisk, cancellationToken);
        }

        if (order.Backup.Volume is not null)
        {
            return await _volumes.OpenAsync(order, control, cancellationToken);
        }

        var client = await images.ConnectAsync(TransferOf(order.Backup.ImageTransfer), ImageAccess.Read, FailureCode.SourceFailed, cancellationToken);
        var changes = order.Backup is { TransportMode: ImageTransferMode, Incremental: true } ? ChangeSource.Layer : ChangeSource.DirtyBitmap;
        return await ImageIoSource.OpenAsync(client, order, changes, cancellationToken);
    }

    private Task<BlockDevice> OpenDeviceAsync(TaskOrder order, AttachedDisk? disk, bool writable, CancellationToken cancellationToken) =>
        Guid.TryParse(disk?.Serial, out var serial)
            ? devices.OpenAsync(serial, order.DiskSizeBytes, writable, cancellationToken)
            : throw new TaskFailureException(FailureCode.BadOrder, $"The order's attached_disk.serial '{disk?.Serial}' is not a disk's id.");

    private async Task<IDiskTarget> OpenTargetAsync(TaskOrder order, CancellationToken cancellationToken)
    {
        if (order.Restore.AttachedDisk is { } attached)
        {
            return new BlockDeviceTarget(await OpenDeviceAsync(order, attached, writable: true, cancellationToken));
        }

        if (order.Restore.SshDisk is { } disk)
        {
            return new SshTarget(await SshDiskClient.OpenAsync(order, disk, writable: true, time, cancellationToken));
        }

        if (order.Restore.ExportDisk is { } exported)
        {
            return await exports.CreateAsync(order, exported, cancellationToken);
        }

        return new ImageIoTarget(await images.ConnectAsync(TransferOf(order.Restore.ImageTransfer), ImageAccess.Write, FailureCode.TargetFailed, cancellationToken));
    }

    private async Task<TaskSucceeded> RestoreAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        await using var target = await OpenTargetAsync(order, cancellationToken);
        control.Meter.Route = target.Route;
        return await restore.RunAsync(order, order.Restore.Differential ? Differential(target, control) : target, control, cancellationToken);
    }

    private static DifferentialTarget Differential(IDiskTarget target, TransferControl control) => target is IReadableTarget readable
        ? new DifferentialTarget(readable, control.Meter)
        : throw new TaskFailureException(FailureCode.BadOrder, "A disk is written in place by disk-attachment or ssh only: the target of an image transfer cannot be read.");

    private static ImageTransferSource TransferOf(ImageTransferSource? transfer) =>
        transfer ?? throw new TaskFailureException(FailureCode.BadOrder, "The order has no image transfer.");
}
