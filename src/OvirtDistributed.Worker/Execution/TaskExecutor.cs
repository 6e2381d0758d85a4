// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Restore;
using OvirtDistributed.Worker.Transports.ImageIo;

namespace OvirtDistributed.Worker.Execution;

/// <summary>Picks the transport mode's source or target for an order and runs the work over it.</summary>
internal sealed class TaskExecutor(string workerId, ImageIoConnector images, DiskBackup backup, DiskRestore restore, DiskCopy copy, DiskVerification verification) : ITaskExecutor
{
    private const string CbtMode = "cbt";
    private const string ImageTransferMode = "image-transfer";

    public IReadOnlyCollection<string> TransportModes { get; } = [CbtMode, ImageTransferMode];

    public async Task<TaskSucceeded> ExecuteAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        Check(order);
        control.OrderedRate = order.BytesPerSecond;
        return order.WorkCase switch
        {
            TaskOrder.WorkOneofCase.Backup => await BackUpAsync(order, control, cancellationToken),
            TaskOrder.WorkOneofCase.Copy => await copy.RunAsync(order, workerId, control, cancellationToken),
            TaskOrder.WorkOneofCase.Verify => await verification.RunAsync(order, control, cancellationToken),
            TaskOrder.WorkOneofCase.Restore => await RestoreAsync(order, control, cancellationToken),
            _ => throw new TaskFailureException(FailureCode.BadOrder, "The order names no work this worker knows: update the worker."),
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
                FailureCode.BadOrder, $"Transport mode '{order.Backup.TransportMode}' is not one of this worker's: {string.Join(", ", TransportModes)}.");
        }

        var client = await images.ConnectAsync(TransferOf(order.Backup.ImageTransfer), ImageAccess.Read, FailureCode.SourceFailed, cancellationToken);
        await using var source = await ImageIoSource.OpenAsync(
            client, order, order.Backup.TransportMode == ImageTransferMode ? ChangeSource.Layer : ChangeSource.DirtyBitmap, cancellationToken);
        control.Meter.Route = source.Route;
        return await backup.RunAsync(order, workerId, source, control, cancellationToken);
    }

    private async Task<TaskSucceeded> RestoreAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        var client = await images.ConnectAsync(TransferOf(order.Restore.ImageTransfer), ImageAccess.Write, FailureCode.TargetFailed, cancellationToken);
        await using var target = new ImageIoTarget(client);
        control.Meter.Route = target.Route;
        return await restore.RunAsync(order, target, control, cancellationToken);
    }

    private static ImageTransferSource TransferOf(ImageTransferSource? transfer) =>
        transfer ?? throw new TaskFailureException(FailureCode.BadOrder, "The order has no image transfer.");
}
