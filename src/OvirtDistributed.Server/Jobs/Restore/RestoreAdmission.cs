// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Turns a request to restore into a job, or says at once why it cannot work.</summary>
internal sealed class RestoreAdmission(
    IDbContextFactory<ServerDbContext> contexts, JobAdmission jobs, RestoreTargets targets, RestorePlanner planner, RestorablePoint points, InventoryCatalog inventory,
    IEngineDirectory engines, WorkerClusters workers)
{
    /// <summary>One job.</summary>
    /// <exception cref="OperatorException">The request cannot work.</exception>
    public async Task<Guid> AdmitAsync(RestoreRequest request, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        // The answer to the question is no other request.
        var key = RequestKey.Of(request.RequestId, request with { LossAccepted = false });
        if (await JobAdmission.FindHandledAsync(context, key, cancellationToken) is { } handled)
        {
            return handled[0];
        }

        var subject = await ResolveAsync(context, request, cancellationToken);
        var plan = await PlanAsync(subject, cancellationToken);
        if (plan is { Problems: { Count: > 0 } problems })
        {
            throw new OperatorException(FailureKind.WrongState, string.Join(" ", problems));
        }

        RestoreLoss.RequireAccepted(subject, plan, request.LossAccepted);
        return await SaveAsync(context, subject, key, cancellationToken);
    }

    /// <summary>Makes the job; the same request twice is answered with its first job.</summary>
    public async Task<Guid> SaveAsync(ServerDbContext context, RestoreSubject subject, RequestKey key, CancellationToken cancellationToken)
    {
        await RefuseSecondRunAsync(context, subject, cancellationToken);
        var (point, details) = (subject.Point, subject.Details);
        var job = jobs.NewJob(JobKind.Restore, subject.Manager.Id, point.VmId, point.VmName, point.RepositoryId, subject.Cluster.Id, row => row.Restore = details);
        job.PointId = point.Id;
        return (await jobs.SaveAsync(context, [job], key, cancellationToken))[0];
    }

    /// <summary>Finds what a request names, and refuses what can be seen to be wrong without asking the manager.</summary>
    /// <exception cref="OperatorException">The request cannot work.</exception>
    public async Task<RestoreSubject> ResolveAsync(ServerDbContext context, RestoreRequest request, CancellationToken cancellationToken)
    {
        RestoreRequestCheck.Check(request);
        var point = await PointLookup.ResolveAsync(context, "point", request.Point, cancellationToken);
        var manager = await FindManagerAsync(context, request, point, cancellationToken);
        var manifest = await ReadAsync(context, point, withOvf: request.Scope == RestoreScope.NewVm, cancellationToken);
        var target = await FindTargetAsync(context, request, point, manager, cancellationToken);
        var cluster = await targets.ClusterAsync(manager, point, manifest, target?.ClusterId.ToString("D") ?? request.Cluster, cancellationToken);
        var domain = await targets.StorageDomainAsync(manager, cluster, request.StorageDomain, cancellationToken);
        var presence = await workers.LookAsync(context, cancellationToken);
        var mode = Mode(request, manager, cluster, presence);
        var export = await ExportAsync(context, request, manager, cluster, presence, cancellationToken);
        await RefuseNameAsync(context, request, point, manager, cancellationToken);
        var details = new RestoreDetails
        {
            Scope = request.Scope,
            PointId = point.Id,
            NewName = target?.Name ?? request.Name,
            NewVmId = target?.Id,
            DiskId = request.Scope is RestoreScope.Disk or RestoreScope.InPlace
                ? NameLookup.Resolve(point.Disks, "disk", $"disk in restore point {point.Id}", request.Disk, row => row.Alias, row => row.Id).Id
                : null,
            ClusterId = cluster.Id,
            StorageDomainId = domain?.Id,
            Format = request.Format,
            Allocation = request.Allocation,
            Nics = request.Nics,
            KeptMacs = RestoreTargets.Macs(request.NicMacs),
            VnicProfiles = await targets.NetworksAsync(manager, cluster, request.Networks, cancellationToken),
            Start = request.Start,
            Activate = request.Activate,
            PowerOff = request.PowerOff,
            SafetyPoint = request.Scope is RestoreScope.Overwrite or RestoreScope.InPlace && request.SafetyPoint,
            Verify = request.Verify,
            TransportMode = mode,
            CreateAffinityGroups = request.CreateAffinityGroups,
            Export = export,
        };
        return new RestoreSubject(point, manager, cluster, details, manifest);
    }

    /// <summary>The export domain that the disks go through; null in every other mode.</summary>
    private static async Task<RestoreExport?> ExportAsync(
        ServerDbContext context, RestoreRequest request, StoredManager manager, EngineCluster cluster, WorkerPresence presence, CancellationToken cancellationToken)
    {
        if (request.TransportMode != TransportModes.ExportDomain)
        {
            return null;
        }

        var reach = await ExportReach.FindAsync(context, manager.Id, cluster, presence, cancellationToken);
        return reach.Refusal is { } unreachable
            ? throw OperatorException.Invalid("transport_mode", request.TransportMode, $"{unreachable}.")
            : new RestoreExport(reach.Domain!.Id, reach.Domain.Name, reach.Domain.Location, reach.WorkerClusterId, Guid.NewGuid());
    }

    /// <summary>What was asked, if it can work; in place the first that can.</summary>
    private static string Mode(RestoreRequest request, StoredManager manager, EngineCluster cluster, WorkerPresence presence)
    {
        var noWorkerVm = WorkerVms.ExplainNone(presence, cluster.Id, exceptVm: null);
        var mayComeBack = WorkerVms.AnyRegistered(presence, cluster.Id, exceptVm: null);
        switch (request.TransportMode)
        {
            case TransportModes.DiskAttachment when !mayComeBack:
                throw OperatorException.Invalid("transport_mode", request.TransportMode, $"{noWorkerVm}.");
            case TransportModes.Ssh when manager.Ssh is null:
                throw OperatorException.Invalid("transport_mode", request.TransportMode, $"{TransportChoice.NeedsSsh}.");
            case "" when request.Scope == RestoreScope.InPlace && noWorkerVm is null:
                return TransportModes.DiskAttachment;
            case "" when request.Scope == RestoreScope.InPlace && manager.Ssh is not null:
                return TransportModes.Ssh;
            case "" when request.Scope == RestoreScope.InPlace && mayComeBack:
                return TransportModes.DiskAttachment;
            case "" when request.Scope == RestoreScope.InPlace:
                throw OperatorException.Invalid("in_place", "true", $"a disk is written in place through the VM of a worker or over SSH, and neither can be: {noWorkerVm}; {TransportChoice.NeedsSsh}.");
            default:
                return request.TransportMode;
        }
    }

    /// <summary>The manager that a request restores to.</summary>
    /// <exception cref="OperatorException">It is not known.</exception>
    public static async Task<StoredManager> FindManagerAsync(ServerDbContext context, RestoreRequest request, CancellationToken cancellationToken) =>
        await FindManagerAsync(context, request, await PointLookup.ResolveAsync(context, "point", request.Point, cancellationToken), cancellationToken);

    private static async Task<StoredManager> FindManagerAsync(ServerDbContext context, RestoreRequest request, RestorePoint point, CancellationToken cancellationToken) =>
        request.Manager.Length == 0
            ? await context.Managers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == point.ManagerId, cancellationToken)
                ?? throw OperatorException.Invalid("manager", "", $"the restore point's own manager '{point.ManagerName}' is not known here, name the one to restore to (--manager).")
            : await JobAdmission.ResolveManagerAsync(context, request.Manager, cancellationToken);

    /// <summary>Null while the point cannot be read: the job then waits for its repository, and refuses itself what would have been refused here.</summary>
    /// <exception cref="OperatorException">The manager cannot be asked.</exception>
    public async Task<RestorePlan?> PlanAsync(RestoreSubject subject, CancellationToken cancellationToken)
    {
        if (subject.Manifest is not { } manifest)
        {
            return null;
        }

        try
        {
            var engine = (await engines.OpenAsync(subject.Manager.Id, cancellationToken)).Engine;
            var plan = await planner.PlanAsync(subject.Manager.Id, manifest, subject.Details, engine, cancellationToken);
            return await ExplainNoWorkerAsync(subject.Details, cancellationToken) is { } nobody ? plan with { Problems = [.. plan.Problems, nobody], NoWorker = nobody } : plan;
        }
        catch (EngineException failure)
        {
            throw failure.ToOperator();
        }
    }

    private async Task<string?> ExplainNoWorkerAsync(RestoreDetails details, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var presence = await workers.LookAsync(context, cancellationToken);
        return presence.ExplainUnmanned(details.Need()) is { } nobody ? $"Nobody would write the disks, because {nobody}." : null;
    }

    /// <summary>Null while it cannot be read: it may be later.</summary>
    /// <exception cref="OperatorException">What the restore needs of it is damaged.</exception>
    private async Task<VmManifest?> ReadAsync(ServerDbContext context, RestorePoint point, bool withOvf, CancellationToken cancellationToken)
    {
        try
        {
            var found = await points.FindAsync(context, point.RepositoryId, point.Id, withOvf, cancellationToken);
            return found.Manifest
                ?? throw new OperatorException(FailureKind.NotFound, $"Restore point {point.Id} is not in its repository any more.");
        }
        catch (MoverException failure) when (failure.Failure == MoverFailure.Damaged)
        {
            throw new OperatorException(FailureKind.DataDamaged, failure.Message, failure);
        }
        catch (MoverException)
        {
            return null;
        }
    }

    private async Task<EngineVm?> FindTargetAsync(
        ServerDbContext context, RestoreRequest request, RestorePoint point, StoredManager manager, CancellationToken cancellationToken)
    {
        switch (request.Scope)
        {
            case RestoreScope.Disk or RestoreScope.InPlace:
                var (_, vm) = await jobs.ResolveVmAsync(context, manager.Name, request.Vm, cancellationToken);
                return vm;
            case RestoreScope.Overwrite when manager.Id != point.ManagerId:
                throw OperatorException.Invalid("overwrite", "true", $"the VM of the restore point is on manager {point.ManagerName}, not on {manager.Name}; restore it there as a new VM (--name).");
            case RestoreScope.Overwrite:
                return await inventory.FindAsync<EngineVm>(manager.Id, InventoryKind.Vm, point.VmId, cancellationToken)
                    ?? throw OperatorException.Invalid("overwrite", "true", $"VM {point.VmName} ({point.VmId}) is not on manager {manager.Name}; restore it as a new VM (--name).");
            default:
                return null;
        }
    }

    private static async Task RefuseNameAsync(ServerDbContext context, RestoreRequest request, RestorePoint point, StoredManager manager, CancellationToken cancellationToken)
    {
        if (request.Scope != RestoreScope.NewVm)
        {
            return;
        }

        var vms = await context.Inventory.Where(item => item.ManagerId == manager.Id && item.Kind == InventoryKind.Vm).Select(item => new { item.Name, item.ObjectId })
            .ToListAsync(cancellationToken);
        if (vms.Find(vm => string.Equals(vm.Name, request.Name, StringComparison.OrdinalIgnoreCase)) is { } taken)
        {
            var over = taken.ObjectId == point.VmId && manager.Id == point.ManagerId ? ", or restore over that VM, which the restore point is of (--overwrite)" : "";
            throw new OperatorException(
                FailureKind.AlreadyExists, $"name '{request.Name}': manager {manager.Name} has VM {taken.Name} ({taken.ObjectId}) already: choose another name (--name){over}.");
        }
    }

    /// <summary>Two restores over one VM would take each other's disks for its own.</summary>
    private static async Task RefuseSecondRunAsync(ServerDbContext context, RestoreSubject subject, CancellationToken cancellationToken)
    {
        if (!subject.Details.RewritesVm())
        {
            return;
        }

        var running = await context.Jobs.AsNoTracking()
            .Where(job => job.Kind == JobKind.Restore && job.Outcome == JobOutcome.Running && job.ManagerId == subject.Manager.Id)
            .ToListAsync(cancellationToken);
        if (running.Find(job => job.Restore is { Scope: not RestoreScope.NewVm } other && other.NewVmId == subject.Details.NewVmId) is { } busy)
        {
            throw new OperatorException(FailureKind.WrongState, $"Job {busy.Id} is restoring to VM {subject.Details.NewName} already: wait for it, or cancel it.");
        }
    }
}
