// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Transports.ImageIo;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>Opens the disk of an order whose image transfer gives the file of a layer.</summary>
internal sealed class VolumeDisks(ImageIoConnector images)
{
    /// <exception cref="TaskFailureException">A layer cannot be opened or read.</exception>
    public async Task<IDiskSource> OpenAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        await using var chain = new VolumeChain((layer, token) => OpenLayerAsync(layer, control, token), images.Pipeline, order.DiskId, order.DiskSizeBytes);
        var top = await OpenFileAsync(order, cancellationToken);
        if (!order.Backup.Incremental)
        {
            return await chain.OpenWholeAsync(top, cancellationToken);
        }

        // Without an id nothing matches, and the disk is read in full.
        _ = Guid.TryParse(order.Backup.Volume.ExpectedParentId, out var parent);
        return await chain.OpenChangesAsync(top, parent, cancellationToken);
    }

    private async Task<OpenedVolume> OpenLayerAsync(Guid layer, TransferControl control, CancellationToken cancellationToken)
    {
        var ask = control.OpenLayer ?? throw new TaskFailureException(FailureCode.BadOrder, $"Layer {layer} is needed, and nobody can be asked to open it.");
        var order = await ask(layer, cancellationToken);
        var volume = await OpenFileAsync(order, cancellationToken);
        if (volume.Id == layer)
        {
            return volume;
        }

        await volume.File.DisposeAsync();
        throw new TaskFailureException(FailureCode.BadOrder, $"The server was asked to open layer {layer} and opened {volume.Id}.");
    }

    private async Task<OpenedVolume> OpenFileAsync(TaskOrder order, CancellationToken cancellationToken)
    {
        if (order.Backup is not { Volume: { } volume, ImageTransfer: { } transfer } || !Guid.TryParse(volume.VolumeId, out var id))
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"The order's volume_id '{order.Backup?.Volume?.VolumeId}' is not a layer's id, or its image transfer is missing.");
        }

        var isRaw = volume.Format switch
        {
            "raw" => true,
            "qcow2" => false,
            var format => throw new TaskFailureException(FailureCode.BadOrder, $"The format '{format}' of layer {id} is unknown: it must be raw or qcow2."),
        };
        var client = await images.ConnectAsync(transfer, ImageAccess.Read, FailureCode.SourceFailed, cancellationToken);
        var route = client.Route == ImageRoute.Direct ? "direct" : "proxy";
        return new OpenedVolume(id, isRaw, await ImageIoVolume.OpenAsync(client, cancellationToken), route);
    }
}
