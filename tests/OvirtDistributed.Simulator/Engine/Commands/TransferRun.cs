// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>The polling callback of one image transfer: opens the export, keeps and watches the ticket, and brings it to its end.</summary>
internal sealed partial class TransferRun(EngineContext engine, DiskCommands disks)
{
    // ImageTransferHostTicketValidityInSeconds; renewed well before it ends while transferring.
    private static readonly TimeSpan TicketValidity = TimeSpan.FromSeconds(300);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(60);

    /// <summary>Call with the gate held.</summary>
    public EngineJob Start(ImageTransfer transfer, Disk disk, CommandScope scope) => engine.Start(
        scope,
        $"{(transfer.Upload ? "Uploading to" : "Downloading")} disk {disk.Name}",
        op => RunAsync(op, transfer, disk),
        (op, e) =>
        {
            Unlock(transfer, disk);
            transfer.EndedAt = engine.Now;
            transfer.Phase = TransferPhase.FinishedFailure;
            op.Event(1035, "alert", $"Failed to tear down image {disk.Name} after transfer: {e.Message}", DiskCommands.Subject(disk));
        });

    private async Task RunAsync(Operation op, ImageTransfer transfer, Disk disk)
    {
        await op.ApplyAsync(() => transfer.Operation = op);
        bool success;
        try
        {
            success = await TransferAsync(op, transfer, disk);
        }
        catch (Exception e) when (e is not OperationCanceledException || !engine.Stopping.IsCancellationRequested)
        {
            // Storage or daemon refused: the transfer fails, the disk is freed below.
            await op.ApplyAsync(() =>
            {
                transfer.Phase = TransferPhase.FinalizingFailure;
                op.Event(1068, "error", $"Image transfer of disk {disk.Name} failed: {e.Message}", DiskCommands.Subject(disk));
            });
            success = false;
        }

        await EndAsync(op, transfer, disk, success);
    }

    /// <summary>Runs until the transfer is finalized (true) or cancelled (false).</summary>
    private async Task<bool> TransferAsync(Operation op, ImageTransfer transfer, Disk disk)
    {
        await op.StepAsync();
        if (await PhaseAsync(op, transfer) == TransferPhase.Initializing)
        {
            await OpenAsync(op, transfer, disk);
        }

        var watch = new TicketWatch { Renewed = engine.Time.GetTimestamp() };
        while (true)
        {
            switch (await PhaseAsync(op, transfer))
            {
                case TransferPhase.FinalizingSuccess:
                    await op.StepAsync();
                    await CloseAsync(op, transfer);
                    return true;
                case TransferPhase.CancelledUser:
                    await op.StepAsync();
                    await op.ApplyAsync(() => transfer.Phase = TransferPhase.FinalizingCleanup);
                    await CloseAsync(op, transfer);
                    await op.StepAsync();
                    await op.ApplyAsync(() => transfer.Phase = TransferPhase.FinishedCleanup);
                    return false;
                case TransferPhase.CancelledSystem:
                    await op.StepAsync();
                    await op.ApplyAsync(() => transfer.Phase = TransferPhase.FinalizingFailure);
                    await CloseAsync(op, transfer);
                    return false;
                case TransferPhase.PausedUser or TransferPhase.PausedSystem:
                    await CloseAsync(op, transfer);
                    break;
                case TransferPhase.Resuming:
                    await op.StepAsync();
                    await OpenAsync(op, transfer, disk);
                    watch = new TicketWatch { Renewed = engine.Time.GetTimestamp() };
                    break;
                case TransferPhase.Transferring:
                    await WatchAsync(op, transfer, disk, watch);
                    break;
            }

            await WaitAsync(op, transfer);
        }
    }

    private static Task<string> PhaseAsync(Operation op, ImageTransfer transfer) => op.ReadAsync(() => transfer.Phase);

    private async Task WaitAsync(Operation op, ImageTransfer transfer)
    {
        // A change of phase that came meanwhile must not wait for a poll.
        var wake = await op.ReadAsync(() => transfer.Wake.Task);
        if (wake.IsCompleted)
        {
            await op.ApplyAsync(() => transfer.Wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        else
        {
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(engine.Stopping);
            var poll = Task.Delay(engine.Options.Pace.TransferPoll, engine.Time, enough.Token);
            await Task.WhenAny(wake, poll);
            await enough.CancelAsync();
            engine.Stopping.ThrowIfCancellationRequested();
        }

        await op.HoldAsync();
    }

    private async Task OpenAsync(Operation op, ImageTransfer transfer, Disk disk)
    {
        var kind = transfer.BackupId is not null ? ExportKind.Backup
            : transfer.FileBackend ? ExportKind.File
            : transfer.Shallow ? ExportKind.Layer
            : ExportKind.Chain;
        var image = transfer.ImageId ?? (kind is ExportKind.Layer or ExportKind.File ? disk.Active.ImageId : null);
        var export = await engine.Storage.OpenExportAsync(
            new ExportSpec(kind, disk.Id, image, transfer.BackupId, transfer.Upload), engine.Stopping);
        var (host, sparse) = await op.ReadAsync(() =>
        {
            transfer.Export = export;
            transfer.TicketId ??= Guid.NewGuid();
            return (engine.State.Hosts[transfer.HostId], disk.Sparse && !engine.State.StorageDomains[disk.StorageDomainId].IsBlock);
        });
        var daemon = engine.Daemons[host.Id];
        var ticket = new ImageTicket
        {
            Uuid = transfer.TicketId!.Value,
            Size = export.SizeBytes,
            Url = export.Url,
            Ops = [transfer.Upload ? "write" : "read"],
            Timeout = TicketValidity,
            InactivityTimeout = transfer.InactivityTimeout,
            TransferId = transfer.Id.ToString(),
            Sparse = sparse,
            Dirty = export.HasDirtyExtents,
        };
        await daemon.AddTicketAsync(ticket, engine.Stopping);
        await op.ApplyAsync(() => transfer.HasTicket = true);
        var proxied = await TryAddProxyTicketAsync(op, disk, ticket with
        {
            Url = $"https://{engine.Options.ListenAddress}:{daemon.Port}/images/{ticket.Uuid}",
        });
        await op.ApplyAsync(() => Opened(transfer, host, daemon, proxied));
    }

    private void Opened(ImageTransfer transfer, EngineHost host, IImageIoDaemon daemon, bool proxied)
    {
        transfer.HasProxyTicket = proxied;
        transfer.TransferUrl = $"https://{host.Address}:{daemon.Port}/images/{transfer.TicketId}";
        transfer.ProxyUrl = engine.Proxy is { } proxy ? $"https://{engine.Options.ManagerName}:{proxy.Port}/images/{transfer.TicketId}" : null;
        if (transfer.Phase is TransferPhase.Initializing or TransferPhase.Resuming)
        {
            transfer.Phase = TransferPhase.Transferring;
        }
    }

    private async Task<bool> TryAddProxyTicketAsync(Operation op, Disk disk, ImageTicket ticket)
    {
        if (engine.Proxy is not { } proxy)
        {
            return false;
        }

        try
        {
            await proxy.AddTicketAsync(ticket, engine.Stopping);
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The transfer works directly without it; proxy_url then answers 403.
            await op.ApplyAsync(() => op.Event(1075, "warning", $"Failed to add the image ticket of disk {disk.Name} to the proxy: {e.Message}", DiskCommands.Subject(disk)));
            return false;
        }
    }

    private async Task WatchAsync(Operation op, ImageTransfer transfer, Disk disk, TicketWatch watch)
    {
        var daemon = engine.Daemons[transfer.HostId];
        var ticket = await daemon.GetTicketAsync(transfer.TicketId!.Value, engine.Stopping);
        if (ticket is not null && engine.Time.GetElapsedTime(watch.Renewed) > RenewEvery)
        {
            await daemon.ExtendTicketAsync(transfer.TicketId.Value, TicketValidity, engine.Stopping);
            if (transfer.HasProxyTicket)
            {
                await engine.Proxy!.ExtendTicketAsync(transfer.TicketId.Value, TicketValidity, engine.Stopping);
            }

            watch.Renewed = engine.Time.GetTimestamp();
        }

        await op.ApplyAsync(() => Judge(op, transfer, disk, ticket, watch));
    }

    private void Judge(Operation op, ImageTransfer transfer, Disk disk, TicketState? ticket, TicketWatch watch)
    {
        if (transfer.Phase != TransferPhase.Transferring)
        {
            return;
        }

        transfer.Active = ticket?.Active ?? false;
        transfer.Transferred = ticket?.Transferred ?? transfer.Transferred;
        if (ticket is null)
        {
            op.Event(1065, "warning", $"Transfer of disk {disk.Name}: the image ticket is missing on the host.", DiskCommands.Subject(disk));
            Lose(op, transfer, disk);
        }
        else if (BackupEnded(transfer))
        {
            transfer.Phase = TransferPhase.CancelledSystem;
            transfer.Wake.TrySetResult();
        }
        else if (transfer.InactivityTimeout > TimeSpan.Zero && !ticket.Active && ticket.IdleTime > transfer.InactivityTimeout)
        {
            op.Event(transfer.Upload ? 1071 : 1072, "warning", $"Transfer of disk {disk.Name} was stopped due to client inactivity.", DiskCommands.Subject(disk));
            Lose(op, transfer, disk);
        }
        else
        {
            // A download that has been read completely and stays idle for two polls needs nobody to finalize it.
            var complete = !transfer.Upload && ticket is { Active: false } && ticket.Transferred == transfer.Export!.SizeBytes
                && ticket.IdleTime >= engine.Options.Pace.AutoFinishIdle;
            watch.CompletePolls = complete ? watch.CompletePolls + 1 : 0;
            if (watch.CompletePolls >= 2)
            {
                transfer.Phase = TransferPhase.FinalizingSuccess;
                transfer.Wake.TrySetResult();
            }
        }
    }

    private bool BackupEnded(ImageTransfer transfer) => transfer.BackupId is { } id
        && engine.State.Vms.Values.SelectMany(v => v.Backups).FirstOrDefault(b => b.Id == id) is not { Phase: BackupPhase.Ready };

    private static void Lose(Operation op, ImageTransfer transfer, Disk disk)
    {
        transfer.Phase = transfer.PausesOnTimeout ? TransferPhase.PausedSystem : TransferPhase.CancelledSystem;
        op.Event(transfer.PausesOnTimeout ? 1077 : 1076, "warning", $"Transfer of disk {disk.Name} was {(transfer.PausesOnTimeout ? "paused" : "cancelled")} by the system.", DiskCommands.Subject(disk));
        transfer.Wake.TrySetResult();
    }

    /// <summary>Takes the tickets back and closes the export; waits as long as clients are connected.</summary>
    private async Task CloseAsync(Operation op, ImageTransfer transfer)
    {
        if (transfer.HasProxyTicket)
        {
            await RemoveTicketAsync(op, engine.Proxy!, transfer);
            await op.ApplyAsync(() => transfer.HasProxyTicket = false);
        }

        if (transfer.HasTicket)
        {
            await RemoveTicketAsync(op, engine.Daemons[transfer.HostId], transfer);
            await op.ApplyAsync(() => transfer.HasTicket = false);
        }

        if (transfer.Export is { } export)
        {
            await export.DisposeAsync();
            await op.ApplyAsync(() => transfer.Export = null);
        }
    }

    // An engine retries this for ever too: a transfer whose host is gone stays in its finalizing phase.
    private async Task RemoveTicketAsync(Operation op, IImageIoDaemon daemon, ImageTransfer transfer)
    {
        while (true)
        {
            try
            {
                if (await daemon.RemoveTicketAsync(transfer.TicketId!.Value, engine.Stopping))
                {
                    return;
                }
            }
            catch (Exception e) when (e is not OperationCanceledException || !engine.Stopping.IsCancellationRequested)
            {
                Log.TicketNotRemoved(engine.Logger, transfer.Id, e);
            }

            await op.StepAsync();
        }
    }

    private async Task EndAsync(Operation op, ImageTransfer transfer, Disk disk, bool success)
    {
        await CloseAsync(op, transfer);
        if (success || !transfer.Upload)
        {
            await disks.RefreshSizesAsync(op, disk);
        }

        await op.StepAsync();
        var job = await op.ReadAsync(() =>
        {
            Unlock(transfer, disk);
            transfer.Active = false;
            transfer.EndedAt = engine.Now;
            transfer.Phase = success ? TransferPhase.FinishedSuccess : TransferPhase.FinishedFailure;
            op.Event(success ? 1032 : 1034, success ? "normal" : "error", $"Image {(transfer.Upload ? "Upload" : "Download")} with disk {disk.Name} {(success ? "succeeded" : "failed")}.", DiskCommands.Subject(disk));
            // The target of an upload that did not succeed is removed, even when it existed before.
            return success || !transfer.Upload ? null : disks.RemoveUnchecked(disk, op.Scope with { Sticking = [] });
        });
        if (job is not null)
        {
            await job.Completion;
        }
    }

    private static void Unlock(ImageTransfer transfer, Disk disk)
    {
        if (transfer.LockedImageId is { } image)
        {
            if (disk.Volumes.Find(v => v.ImageId == image) is { } volume)
            {
                volume.Status = DiskStatus.Ok;
            }
        }
        else if (transfer.BackupId is null)
        {
            disk.Status = DiskStatus.Ok;
        }
    }

    private sealed class TicketWatch
    {
        public long Renewed { get; set; }

        public int CompletePolls { get; set; }
    }
}
