// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Transfers;

/// <summary>Image transfers of the manager. Prefer <see cref="ImageTransferLease"/>, which always ends what it began.</summary>
public sealed partial class EngineTransfers
{
    private readonly EngineHttp _http;
    private readonly EnginePoll _poll;
    private readonly EngineDisks _disks;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;

    internal EngineTransfers(EngineHttp http, EnginePoll poll, EngineDisks disks, TimeProvider timeProvider, ILogger logger)
    {
        _logger = logger;
        _http = http;
        _poll = poll;
        _disks = disks;
        _timeProvider = timeProvider;
    }

    /// <summary>Asks for a transfer. Not repeated when the answer is lost: look for it by <see cref="ImageTransfer.Disk"/>.</summary>
    public Task<ImageTransfer> CreateAsync(CreateImageTransfer request, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(
            EngineRequest.Post("imagetransfers", request.ToBody(), correlation), EngineJson.Default.ImageTransferDto, TransferMapping.ToTransfer, cancellationToken);

    /// <summary>Null when there is none, or when it ended so long ago that the engine forgot it (15 minutes; at once before 4.4.7).</summary>
    public Task<ImageTransfer?> FindAsync(TransferId transfer, CancellationToken cancellationToken) =>
        _http.FindAsync($"imagetransfers/{transfer}", EngineJson.Default.ImageTransferDto, TransferMapping.ToTransfer, cancellationToken);

    /// <summary>All transfers the engine still knows, of whomever.</summary>
    public Task<IReadOnlyList<ImageTransfer>> ListAsync(CancellationToken cancellationToken) =>
        _http.ListAsync("imagetransfers", EngineJson.Default.WireListImageTransferDto, TransferMapping.ToTransfer, cancellationToken);

    /// <summary>Renews the engine's record. It does not keep the ticket alive: only I/O or OPTIONS on the URL does.</summary>
    public Task ExtendAsync(TransferId transfer, CorrelationId correlation, CancellationToken cancellationToken) =>
        ActAsync(transfer, "extend", correlation, cancellationToken);

    /// <summary>Asks to end a transfer well. All connections to its URL must be closed before. Idempotent.</summary>
    public Task FinalizeAsync(TransferId transfer, CorrelationId correlation, CancellationToken cancellationToken) =>
        ActAsync(transfer, "finalize", correlation, cancellationToken);

    /// <summary>Asks to break a transfer off. Idempotent. <b>The disk of a cancelled upload is deleted.</b></summary>
    public Task CancelAsync(TransferId transfer, CorrelationId correlation, CancellationToken cancellationToken) =>
        ActAsync(transfer, "cancel", correlation, cancellationToken);

    /// <summary>Waits until the URLs can be used.</summary>
    /// <exception cref="OvirtException">It ended instead (<see cref="OvirtError.TransferFailed"/>), or <see cref="OvirtError.Timeout"/>. The caller then cancels it.</exception>
    public Task<ImageTransfer> WaitUntilTransferringAsync(TransferId transfer, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"image transfer {transfer} to begin",
            _poll.Timeouts.TransferReady,
            async token =>
            {
                var found = await FindAsync(transfer, token)
                    ?? throw new OvirtException(OvirtError.TransferFailed, $"Image transfer {transfer} is gone before it began. See the manager's events 1067 to 1069.");
                return found.Phase switch
                {
                    TransferPhase.Transferring when found.Url is not null || found.ProxyUrl is not null => PollResult<ImageTransfer>.Finished(found),
                    TransferPhase.Transferring => PollResult<ImageTransfer>.Waiting("transferring without a URL"),
                    TransferPhase.Unknown or TransferPhase.Initializing or TransferPhase.Resuming => PollResult<ImageTransfer>.Waiting(found.Phase.ToString()),
                    _ => throw new OvirtException(OvirtError.TransferFailed, $"Image transfer {transfer} did not begin, it is {found.Phase}. See the manager's events 1067 to 1077."),
                };
            },
            cancellationToken);

    /// <summary>Waits until the engine is done with a transfer that was finalized or cancelled.</summary>
    /// <param name="transfer">Which.</param>
    /// <param name="uploadTarget">For an upload its disk: when an old engine forgot the transfer, the disk tells how it ended.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public Task<TransferEnd> WaitUntilFinishedAsync(TransferId transfer, DiskId? uploadTarget, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"image transfer {transfer} to finish",
            _poll.Timeouts.TransferEnd,
            async token =>
            {
                var found = await FindAsync(transfer, token);
                if (found is null)
                {
                    return await InferEndAsync(uploadTarget, token);
                }

                return found.Phase switch
                {
                    TransferPhase.FinishedSuccess => PollResult<TransferEnd>.Finished(TransferEnd.Succeeded),
                    TransferPhase.FinishedFailure => PollResult<TransferEnd>.Finished(TransferEnd.Failed),
                    _ => PollResult<TransferEnd>.Waiting(found.Phase.ToString()),
                };
            },
            cancellationToken);

    /// <summary>
    /// Ends a transfer by id, whatever state it is in, and waits until the engine is done. Idempotent; for after a crash too.
    /// Runs under its own deadline, because disks stay locked until it succeeds.
    /// </summary>
    /// <param name="transfer">Which.</param>
    /// <param name="success">True finalizes, false cancels. One that is already ending keeps its way.</param>
    /// <param name="correlation">Names the calls.</param>
    /// <exception cref="OvirtException">The engine could not be reached or was not done in time; call again later.</exception>
    public async Task<TransferEnd> EndAsync(TransferId transfer, bool success, CorrelationId correlation)
    {
        using var deadline = new CancellationTokenSource(_poll.Timeouts.TransferEnd * 2, _timeProvider);
        try
        {
            var found = await FindAsync(transfer, deadline.Token);
            if (found is null)
            {
                return success ? TransferEnd.Unknown : TransferEnd.Failed;
            }

            if (!found.IsFinished && !found.IsEnding)
            {
                // Only a running transfer can end well; a paused one would stay paused.
                var finalize = success && found.Phase == TransferPhase.Transferring;
                await (finalize ? FinalizeAsync(transfer, correlation, deadline.Token) : CancelAsync(transfer, correlation, deadline.Token));
            }

            var uploadTarget = found.Direction == TransferDirection.Upload ? found.Disk : null;
            return await WaitUntilFinishedAsync(transfer, uploadTarget, deadline.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new OvirtException(OvirtError.Timeout, $"Image transfer {transfer} could not be ended within {_poll.Timeouts.TransferEnd * 2}.", exception);
        }
    }

    internal void LogNotEnded(TransferId transfer, OvirtException exception) => Log.TransferNotEnded(_logger, transfer, exception.Message);

    private async Task<PollResult<TransferEnd>> InferEndAsync(DiskId? uploadTarget, CancellationToken cancellationToken)
    {
        if (uploadTarget is not { } disk)
        {
            return PollResult<TransferEnd>.Finished(TransferEnd.Unknown);
        }

        var found = await _disks.FindAsync(disk, cancellationToken);
        return found?.Status switch
        {
            DiskStatus.Ok => PollResult<TransferEnd>.Finished(TransferEnd.Succeeded),
            null or DiskStatus.Illegal => PollResult<TransferEnd>.Finished(TransferEnd.Failed),
            var status => PollResult<TransferEnd>.Waiting($"gone, its disk {status}"),
        };
    }

    private async Task ActAsync(TransferId transfer, string action, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var call = EngineRequest.Post($"imagetransfers/{transfer}/{action}", [], correlation) with
        {
            Idempotent = true,
            MissingIsExpected = true,
        };
        await _http.SendAsync(call, cancellationToken);
    }
}

/// <summary>How a transfer ended.</summary>
public enum TransferEnd
{
    /// <summary>The engine forgot it. Of a download nothing is lost by that.</summary>
    Unknown,
    Succeeded,
    Failed,
}
