// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Which VM, to which repository.</summary>
internal readonly record struct BackupSubject(Guid ManagerId, Guid VmId, StoredRepository Repository);

/// <summary>Decides how a VM is backed up now, from what manager, repository and catalog say: the same for a backup and for its preview.</summary>
internal sealed class BackupPlanner(IDataMover mover)
{
    /// <summary>What was asked, with the transport mode that was chosen; and why nothing works, or null.</summary>
    public static async Task<(BackupDetails Details, string? Refusal)> ChooseModeAsync(
        ServerDbContext context, StoredManager manager, EngineVm vm, EngineCluster cluster, BackupDetails request, WorkerPresence presence, CancellationToken cancellationToken)
    {
        var version = manager.ProductVersion;
        var choice = TransportChoice.Decide(request.RequestedMode, version, cluster, vm, request.ExcludedDisks, manager.Ssh is not null, request.ConsistencyRule == ConsistencyRules.Freeze);
        var details = request with { TransportMode = choice.Mode, TransportReason = choice.Reason, GivesLayers = TransportChoice.GivesLayers(version), Export = null };
        if (request.DropSnapshot && choice.Mode == TransportModes.Cbt)
        {
            details = details with { TransportReason = $"{details.TransportReason}; no snapshot is kept in this mode, so that there is none to drop" };
        }

        if (details.ReadsFiles())
        {
            details = details with { TransportReason = $"{details.TransportReason}; the manager ({version}) is older than 4.4.3, so the layers of disks are read as the files they are" };
        }

        var inconsistent = ConsistencyRules.Refuse(request.ConsistencyRule, vm.Status, choice.Mode);
        switch (choice)
        {
            case { Refusal: { } refused }:
                return (details, refused);
            case { Mode: TransportModes.ExportDomain } when inconsistent is null:
                return await ChooseExportAsync(context, manager.Id, vm, cluster, details, presence, cancellationToken);
            case { Mode: not TransportModes.DiskAttachment }:
                return (details, inconsistent);
        }

        if (inconsistent is not null)
        {
            return (details, inconsistent);
        }

        // One that is away may come back: where nothing else works the job waits for it, and is not refused.
        var noWorker = WorkerVms.ExplainNone(presence, vm.ClusterId, vm.Id);
        var lasting = WorkerVms.AnyRegistered(presence, vm.ClusterId, vm.Id) ? null : noWorker;
        if (noWorker is null || request.RequestedMode != TransportModes.Auto)
        {
            return (details, lasting);
        }

        if (manager.Ssh is not null)
        {
            return (details with { TransportMode = TransportModes.Ssh, TransportReason = $"{choice.Reason}, and {noWorker}" }, null);
        }

        // The last resort: it costs two copies of every disk.
        var last = details with { TransportMode = TransportModes.ExportDomain, TransportReason = $"{choice.Reason}, {noWorker}, and the hosts cannot be reached over SSH" };
        var (export, refusal) = await ChooseExportAsync(context, manager.Id, vm, cluster, last, presence, cancellationToken);
        return refusal is null ? (export, null) : (details, lasting);
    }

    private static async Task<(BackupDetails Details, string? Refusal)> ChooseExportAsync(
        ServerDbContext context, Guid managerId, EngineVm vm, EngineCluster cluster, BackupDetails details, WorkerPresence presence, CancellationToken cancellationToken)
    {
        var reach = await ExportReach.FindAsync(context, managerId, cluster, presence, cancellationToken);
        return reach.Refusal is { } refusal
            ? (details, refusal)
            : (details with { Export = new BackupExport(reach.Domain!.Id, reach.Domain.Name, reach.Domain.Location, reach.WorkerClusterId) }, ExportedImages.ExplainNamesakes(vm, details.ExcludedDisks));
    }

    /// <summary>Disks, and full or incremental, in the mode that <paramref name="request"/> says.</summary>
    public async Task<BackupPlan> PlanAsync(
        ServerDbContext context, IEngine engine, BackupSubject subject, EngineVm vm, EngineCluster cluster, BackupDetails request, CancellationToken cancellationToken)
    {
        var latest = request.FullRequested ? null : await FindLatestAsync(context, subject, cancellationToken);
        var exists = false;
        IReadOnlyList<EngineCheckpoint> checkpoints = [];
        if (latest is not null)
        {
            exists = await mover.FindPointAsync(subject.Repository.Address(), latest.Id, cancellationToken) is not null;
            checkpoints = TransportModes.UsesSnapshot(request.TransportMode)
                ? [.. (await engine.ListSnapshotsAsync(vm.Id, cancellationToken))
                    .Select(snapshot => new EngineCheckpoint(snapshot.Id, snapshot.Description, snapshot.Created, !snapshot.Locked))]
                : await engine.ListCheckpointsAsync(vm.Id, cancellationToken);
        }

        return BackupPlan.Decide(vm, cluster, request, latest, exists, checkpoints);
    }

    private static Task<RestorePoint?> FindLatestAsync(ServerDbContext context, BackupSubject subject, CancellationToken cancellationToken) =>
        context.RestorePoints.AsNoTracking()
            .Where(point => point.ManagerId == subject.ManagerId && point.VmId == subject.VmId && point.RepositoryId == subject.Repository.Id)
            .OrderByDescending(point => point.Created)
            .FirstOrDefaultAsync(cancellationToken);
}
