// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
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
        ServerDbContext context, Guid managerId, EngineVm vm, EngineCluster cluster, BackupDetails request, CancellationToken cancellationToken)
    {
        var manager = await context.Managers.AsNoTracking().FirstAsync(row => row.Id == managerId, cancellationToken);
        var version = manager.ProductVersion;
        var choice = TransportChoice.Decide(request.RequestedMode, version, cluster, vm, request.ExcludedDisks, manager.Ssh is not null);
        var details = request with { TransportMode = choice.Mode, TransportReason = choice.Reason, GivesLayers = TransportChoice.GivesLayers(version) };
        if (choice is not { Refusal: null, Mode: TransportModes.DiskAttachment })
        {
            return (details, choice.Refusal ?? ConsistencyRules.Refuse(request.ConsistencyRule, vm.Status, choice.Mode));
        }

        if (ConsistencyRules.Refuse(request.ConsistencyRule, vm.Status, choice.Mode) is { } refusal)
        {
            return (details, refusal);
        }

        var noWorker = await WorkerVms.ExplainNoneAsync(context, vm.ClusterId, vm.Id, cancellationToken);
        return noWorker is not null && request.RequestedMode == TransportModes.Auto && manager.Ssh is not null
            ? (details with { TransportMode = TransportModes.Ssh, TransportReason = $"{choice.Reason}, and {noWorker}" }, null)
            : (details, noWorker);
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
