// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Leases;

/// <summary>
/// Makes what belongs to one attempt on the engine: an image transfer, and for a restore the disk it writes to. Idempotent for the attempt:
/// what an earlier call made is found through the ledger.
/// </summary>
internal sealed class AttemptPreparation(
    IDbContextFactory<ServerDbContext> contexts, TaskLeases leases, EngineLedger ledger, EngineCleanup cleanup, WorkerAttachments attachments, VolumePreparation volumes, SshPreparation ssh, ExportPreparation exports, IEngineDirectory engines, RepositoryKeys keys,
    PreparationLocks locks, Installation installation, TimeProvider time, ServerOptions options)
{
    private static readonly TimeSpan PreallocationPatience = TimeSpan.FromMinutes(30);

    /// <returns>Null when the lease is not (any more) the caller's.</returns>
    /// <exception cref="EngineException">The engine refused; the attempt cannot go on.</exception>
    public Task<AttemptOrder?> PrepareAsync(LeaseClaim claim, CancellationToken cancellationToken) => PrepareAsync(claim, volumeId: null, cancellationToken);

    /// <summary>The same, with another layer open.</summary>
    /// <param name="claim">Whose attempt it is.</param>
    /// <param name="volumeId">Of a disk whose layers are read as files: another layer than the one that is open; null for the first call.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null when the lease is not (any more) the caller's.</returns>
    /// <exception cref="EngineException">The engine refused; the attempt cannot go on.</exception>
    public async Task<AttemptOrder?> PrepareAsync(LeaseClaim claim, Guid? volumeId, CancellationToken cancellationToken)
    {
        await using var turn = await locks.EnterAsync(claim.TaskId, cancellationToken);
        if (!await leases.IsHeldAsync(claim, cancellationToken))
        {
            return null;
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var job = await context.Jobs.AsNoTracking().Include(row => row.Tasks)
            .FirstAsync(row => row.Tasks.Any(task => task.Id == claim.TaskId), cancellationToken);
        var task = job.Tasks.First(row => row.Id == claim.TaskId);
        var repository = await context.RepositoryOfAsync(job, cancellationToken);
        var key = await keys.RequireKeyAsync(repository, cancellationToken);
        var source = await FindSourceAsync(context, job, task, cancellationToken);
        if (job.Kind is JobKind.Copy or JobKind.Verify)
        {
            return new AttemptOrder(job, task, task.DiskId, repository.Address(), Transfer: null, Access: null)
            {
                Key = key,
                Source = source,
                Origin = job.Kind == JobKind.Copy ? await FindOriginAsync(context, job, task, cancellationToken) : null,
                Copies = job.Verify is { Repair: true } ? await FindCopiesAsync(context, job, task, cancellationToken) : [],
            };
        }

        var access = await engines.OpenAsync(job.ManagerId, cancellationToken);
        var owner = new LedgerOwner(job.ManagerId, job.Id, task.Id, task.Attempt);

        var mode = job.Backup?.TransportMode ?? job.Restore?.TransportMode;
        var diskId = job.Kind == JobKind.Backup ? task.DiskId : mode == TransportModes.ExportDomain ? task.Id : await PrepareDiskAsync(access.Engine, job, task, owner, cancellationToken);
        var transfer = default(EngineTransfer);
        var host = default(SshOrder);
        var export = default(ExportOrder);
        var volume = default(VolumeOrder);
        if (mode == TransportModes.Ssh)
        {
            host = await ssh.PrepareAsync(access, job, task, diskId, cancellationToken);
        }
        else if (mode == TransportModes.ExportDomain)
        {
            export = await exports.PrepareAsync(context, job, task, claim.WorkerId, cancellationToken);
        }
        else if (mode == TransportModes.DiskAttachment)
        {
            var snapshotId = job.Kind == JobKind.Backup ? job.Backup!.EngineBackupId : null;
            await attachments.AttachAsync(access.Engine, owner, claim, diskId, snapshotId, cancellationToken);
        }
        else if (job.Backup?.ReadsFiles() == true)
        {
            volume = await volumes.FindAsync(access.Engine, job, task, volumeId, cancellationToken);
            if (volumeId is not null)
            {
                await volumes.EndOpenAsync(owner, cancellationToken);
            }

            transfer = await PrepareTransferAsync(access.Engine, job, task, volume.File.DiskId, volume.File, owner, cancellationToken);
        }
        else
        {
            transfer = await PrepareTransferAsync(access.Engine, job, task, diskId, file: null, owner, cancellationToken);
        }

        // A lease lost meanwhile is being settled by the job, which closes what the ledger names.
        return await leases.IsHeldAsync(claim, cancellationToken)
            ? new AttemptOrder(job, task, diskId, repository.Address(), transfer, access)
            {
                Key = key,
                Ssh = host,
                Export = export,
                Volume = volume,
                Source = source,
                Copies = job.Kind == JobKind.Restore ? await FindCopiesAsync(context, job, task, cancellationToken) : [],
            }
            : null;
    }

    private static async Task<RestorePointDisk?> FindSourceAsync(ServerDbContext context, Job job, DiskTask task, CancellationToken cancellationToken)
    {
        var pointId = job.Kind switch
        {
            JobKind.Restore => job.Restore!.PointId,
            JobKind.Verify => job.PointId,
            JobKind.Copy => task.Incremental ? job.Copy!.BasePointId : null,
            _ => task.Incremental ? job.Backup!.BasePointId : null,
        };
        return await FindDiskAsync(context, job.RepositoryId, pointId, task.DiskId, cancellationToken);
    }

    private async Task<CopyOrigin> FindOriginAsync(ServerDbContext context, Job job, DiskTask task, CancellationToken cancellationToken)
    {
        var details = job.Copy!;
        var repository = await context.Repositories.AsNoTracking().FirstOrDefaultAsync(row => row.Id == details.SourceRepositoryId, cancellationToken)
            ?? throw new MoverException(MoverFailure.NotFound, $"The repository {details.SourceRepositoryId} that the point is in is not known any more.");
        var disk = await FindDiskAsync(context, repository.Id, details.SourcePointId, task.DiskId, cancellationToken)
            ?? throw new MoverException(MoverFailure.NotFound, $"Restore point {details.SourcePointId} with disk {task.DiskAlias} is not in repository {repository.Name} any more.");
        var baseDisk = task.Incremental ? await FindDiskAsync(context, repository.Id, details.SourceBasePointId, task.DiskId, cancellationToken) : null;
        return new CopyOrigin(repository.Address(), await keys.RequireKeyAsync(repository, cancellationToken), disk, baseDisk);
    }

    private Task<IReadOnlyList<DiskCopySource>> FindCopiesAsync(ServerDbContext context, Job job, DiskTask task, CancellationToken cancellationToken) =>
        DiskCopies.FindAsync(context, keys, job.RepositoryId, job.Restore?.PointId ?? job.PointId!, task.DiskId, cancellationToken);

    private static async Task<RestorePointDisk?> FindDiskAsync(
        ServerDbContext context, Guid repositoryId, string? pointId, Guid diskId, CancellationToken cancellationToken)
    {
        var point = await context.RestorePoints.AsNoTracking().FirstOrDefaultAsync(row => row.RepositoryId == repositoryId && row.Id == pointId, cancellationToken);
        return point?.Disks.FirstOrDefault(disk => disk.Id == diskId);
    }

    private async Task<Guid> PrepareDiskAsync(IEngine engine, Job job, DiskTask task, LedgerOwner owner, CancellationToken cancellationToken)
    {
        var plan = task.Plan ?? throw new InvalidOperationException($"Restore task {task.Id} has no disk plan.");
        if (plan.InPlaceDiskId is { } existing)
        {
            return await engine.FindDiskAsync(existing, cancellationToken) is { Status: "ok" }
                ? existing
                : throw new EngineException(EngineFailure.Failed, $"Disk {task.DiskAlias} ({existing}) is gone, or the manager is at work on it.");
        }

        var entry = await ledger.OpenAsync(LedgerKind.Disk, owner, plan.StorageDomainId, cancellationToken);
        if (await engine.FindDiskAsync(entry.Id, cancellationToken) is null)
        {
            await engine.CreateDiskAsync(
                new EngineDiskStart
                {
                    Id = entry.Id,
                    CorrelationId = entry.Id,
                    Alias = task.DiskAlias,
                    Description = $"{plan.Description} {EngineMarker.Of(installation.InstanceId, job.RepositoryId, job.Id)}".TrimStart(),
                    SizeBytes = task.SizeBytes,
                    Format = plan.Format,
                    Sparse = plan.Sparse,
                    IncrementalEnabled = plan.IncrementalEnabled,
                    StorageDomainId = plan.StorageDomainId,
                    InitialSizeBytes = plan.InitialSizeBytes,
                    WipeAfterDelete = plan.WipeAfterDelete,
                },
                cancellationToken);
        }

        await ledger.ConfirmAsync(entry, entry.Id, cancellationToken);
        await PollAsync(
            $"disk {task.DiskAlias}",
            plan.Sparse ? options.TransferReadyPatience : PreallocationPatience,
            async () => (await engine.FindDiskAsync(entry.Id, cancellationToken))?.Status switch
            {
                "ok" => true,
                "locked" => false,
                null => throw new EngineException(EngineFailure.Failed, $"The manager dropped the new disk {task.DiskAlias} while creating it."),
                var status => throw new EngineException(EngineFailure.Failed, $"The new disk {task.DiskAlias} became {status}."),
            },
            cancellationToken);
        return entry.Id;
    }

    private async Task<EngineTransfer> PrepareTransferAsync(
        IEngine engine, Job job, DiskTask task, Guid diskId, EngineVolumeFile? file, LedgerOwner owner, CancellationToken cancellationToken)
    {
        var existing = await ledger.FindOpenAsync(LedgerKind.ImageTransfer, owner, cancellationToken);
        var entry = existing ?? await ledger.OpenAsync(LedgerKind.ImageTransfer, owner, diskId, cancellationToken);
        if (entry.EngineId is null && (existing is null || !await cleanup.AdoptTransferAsync(engine, entry, cancellationToken)))
        {
            await CreateTransferAsync(engine, StartOf(job, task, diskId, file, entry), entry, cancellationToken);
        }

        EngineTransfer? ready = null;
        await PollAsync(
            $"the image transfer of disk {diskId}",
            options.TransferReadyPatience,
            async () =>
            {
                ready = await engine.FindTransferAsync(entry.EngineId!.Value, cancellationToken);
                return ready?.Phase switch
                {
                    EngineTransferPhase.Transferring => true,
                    EngineTransferPhase.Initializing => false,
                    _ => throw new EngineException(EngineFailure.Failed, $"The image transfer of disk {diskId} is {ready?.Phase.ToString() ?? "gone"} instead of ready."),
                };
            },
            cancellationToken);
        return ready!;
    }

    private EngineTransferStart StartOf(Job job, DiskTask task, Guid diskId, EngineVolumeFile? file, LedgerEntry entry)
    {
        var start = new EngineTransferStart(diskId, null, entry.Id, options.TransferInactivity);
        return job switch
        {
            { Kind: not JobKind.Backup } => start,
            _ when file is not null => start with { File = file },
            { Backup: { } details } when TransportModes.UsesSnapshot(details.TransportMode) =>
                start with { Layer = new EngineLayer(details.Layers[task.DiskId], Alone: task.Incremental) },
            _ => start with { BackupId = job.Backup!.EngineBackupId },
        };
    }

    private async Task CreateTransferAsync(IEngine engine, EngineTransferStart start, LedgerEntry entry, CancellationToken cancellationToken)
    {
        try
        {
            var created = await engine.CreateTransferAsync(start, cancellationToken);
            await ledger.ConfirmAsync(entry, created.Id, cancellationToken);
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            // Refused for good: nothing was made. After a lost answer the entry stays an intent and is resolved by looking.
            await ledger.CloseAsync(entry, failure.Message, cancellationToken);
            throw;
        }
        catch (EngineException)
        {
            if (!await cleanup.AdoptTransferAsync(engine, entry, cancellationToken))
            {
                throw;
            }
        }
    }

    private async Task PollAsync(string what, TimeSpan patience, Func<Task<bool>> isReady, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        while (!await isReady())
        {
            if (time.GetUtcNow() - started > patience)
            {
                throw new EngineException(EngineFailure.Failed, $"The manager did not make {what} ready within {patience}.");
            }

            await Task.Delay(options.PollInterval, time, cancellationToken);
        }
    }
}
