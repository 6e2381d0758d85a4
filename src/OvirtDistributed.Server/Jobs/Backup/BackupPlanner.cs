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
    /// <summary>The transport mode. A mode in which nothing can work comes with its refusal.</summary>
    public static async Task<TransportChoice> ChooseModeAsync(
        ServerDbContext context, Guid managerId, EngineVm vm, EngineCluster cluster, BackupDetails request, CancellationToken cancellationToken)
    {
        var choice = TransportChoice.Decide(request.RequestedMode, await VersionAsync(context, managerId, cancellationToken), cluster, vm, request.ExcludedDisks);
        return choice is { Refusal: null, Mode: TransportModes.DiskAttachment }
            ? choice with { Refusal = await WorkerVms.ExplainNoneAsync(context, vm.ClusterId, vm.Id, cancellationToken) }
            : choice;
    }

    /// <summary>What was asked, with the mode that was chosen.</summary>
    public static async Task<BackupDetails> ApplyAsync(
        ServerDbContext context, Guid managerId, BackupDetails request, TransportChoice choice, CancellationToken cancellationToken) => request with
        {
            TransportMode = choice.Mode,
            TransportReason = choice.Reason,
            GivesLayers = TransportChoice.GivesLayers(await VersionAsync(context, managerId, cancellationToken)),
        };

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

    private static Task<string> VersionAsync(ServerDbContext context, Guid managerId, CancellationToken cancellationToken) =>
        context.Managers.Where(row => row.Id == managerId).Select(row => row.ProductVersion).FirstAsync(cancellationToken);
}
