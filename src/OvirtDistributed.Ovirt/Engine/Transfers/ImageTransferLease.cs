// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.ImageIo;

namespace OvirtDistributed.Ovirt.Engine.Transfers;

/// <summary>A transfer that is always ended: by <see cref="CompleteAsync"/>, else by disposal, which cancels it.</summary>
/// <remarks>
/// Owned by the side that talks to the engine. Data moves elsewhere, over the URLs; whoever moves it closes its connections first.
/// After a crash use <see cref="EngineTransfers.EndAsync"/> with the id.
/// </remarks>
public sealed class ImageTransferLease : IAsyncDisposable
{
    private readonly EngineTransfers _transfers;
    private readonly CorrelationId _correlation;

    private ImageTransferLease(EngineTransfers transfers, ImageTransfer transfer, CorrelationId correlation)
    {
        _transfers = transfers;
        _correlation = correlation;
        Transfer = transfer;
    }

    /// <summary>As it was when it became ready.</summary>
    public ImageTransfer Transfer { get; }

    /// <summary>Whether the engine is known to be done with it. False after disposal means: end it by id later.</summary>
    public bool IsEnded { get; private set; }

    public TransferId Id => Transfer.Id;

    public TransferUrl? Url => Transfer.Url;

    public TransferUrl? ProxyUrl => Transfer.ProxyUrl;

    /// <summary>Creates a transfer and waits until its URLs can be used. What was created is cancelled when that fails.</summary>
    /// <param name="transfers">Where.</param>
    /// <param name="request">What.</param>
    /// <param name="correlation">Names all calls of this lease.</param>
    /// <param name="created">Told the id as soon as it is known, before waiting, so that it can be written down.</param>
    /// <param name="cancellationToken">Stops waiting; the transfer is then cancelled under its own deadline.</param>
    public static async Task<ImageTransferLease> OpenAsync(
        EngineTransfers transfers,
        CreateImageTransfer request,
        CorrelationId correlation,
        Func<TransferId, CancellationToken, Task>? created,
        CancellationToken cancellationToken)
    {
        var transfer = await transfers.CreateAsync(request, correlation, cancellationToken);
        try
        {
            if (created is not null)
            {
                await created(transfer.Id, cancellationToken);
            }

            var ready = await transfers.WaitUntilTransferringAsync(transfer.Id, cancellationToken);
            return new ImageTransferLease(transfers, ready, correlation);
        }
        catch (Exception exception)
        {
            try
            {
                await transfers.EndAsync(transfer.Id, success: false, correlation);
            }
            catch (OvirtException cleanup)
            {
                throw new OvirtException(
                    (exception as OvirtException)?.Error ?? OvirtError.TransferFailed,
                    $"{exception.Message} Its clean-up failed too, end image transfer {transfer.Id} later: {cleanup.Message}",
                    exception);
            }

            throw;
        }
    }

    /// <summary>Ends it well and waits until the engine is done. Runs under its own deadline.</summary>
    /// <exception cref="OvirtException">
    /// <see cref="OvirtError.TransferFailed"/>: the engine says it failed; of an upload the disk is gone then. Others: not known to be ended, dispose or end by id.
    /// </exception>
    public async Task<TransferEnd> CompleteAsync()
    {
        var end = await _transfers.EndAsync(Id, success: true, _correlation);
        IsEnded = true;
        return end == TransferEnd.Failed
            ? throw new OvirtException(OvirtError.TransferFailed, $"The manager ended image transfer {Id} as failed. See its events 1034 to 1077.")
            : end;
    }

    /// <summary>Cancels and waits until the engine is done. Idempotent.</summary>
    public async Task CancelAsync()
    {
        if (IsEnded)
        {
            return;
        }

        await _transfers.EndAsync(Id, success: false, _correlation);
        IsEnded = true;
    }

    /// <summary>Cancels what was not ended. Does not throw, so that it hides no earlier failure: see <see cref="IsEnded"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await CancelAsync();
        }
        catch (OvirtException exception)
        {
            _transfers.LogNotEnded(Id, exception);
        }
    }
}
