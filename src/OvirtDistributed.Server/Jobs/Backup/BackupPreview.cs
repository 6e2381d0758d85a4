// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>What a request would do: a plan for each VM that it chooses, and what its rules leave out.</summary>
internal sealed record PreviewedRequest(IReadOnlyList<PreviewedBackup> Plans, IReadOnlyList<LeftOutVm> LeftOut);

/// <summary>What a backup of one VM would do.</summary>
internal sealed record PreviewedBackup(EngineVm Vm, BackupDetails Request, BackupPlan? Plan, string Refusal)
{
    public long ReadBytesAtMost { get; init; }

    public long ScratchBytes { get; init; }

    public string ScratchNote { get; init; } = "";

    public IReadOnlyList<string> Calls { get; init; } = [];

    /// <summary>The rules that choose the VM.</summary>
    public IReadOnlyList<string> SelectedBy { get; init; } = [];
}

/// <summary>Plans backups without making them: it asks the manager and changes nothing.</summary>
internal sealed class BackupPreview(
    IDbContextFactory<ServerDbContext> contexts, JobAdmission admission, BackupPlanner planner, IEngineDirectory engines, InventoryCatalog inventory, WorkerClusters workers, Installation installation)
{
    /// <summary>Of a VM that the inventory still has.</summary>
    public const string Gone = "it does not exist on the manager any more";

    /// <exception cref="Hosting.Errors.OperatorException">The request cannot work.</exception>
    public async Task<PreviewedRequest> PlanAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var resolved = await admission.ResolveBackupAsync(context, request, cancellationToken);
        var manager = resolved.Manager;
        var engine = (await engines.OpenAsync(manager.Id, cancellationToken)).Engine;
        var domains = await inventory.ListAsync<EngineStorageDomain>(manager.Id, InventoryKind.StorageDomain, cancellationToken);
        var presence = await workers.LookAsync(context, cancellationToken);
        var previews = new List<PreviewedBackup>();
        foreach (var chosen in resolved.Selected.Chosen)
        {
            var preview = await PlanAsync(context, engine, resolved, chosen.Vm, JobAdmission.DetailsOf(request), domains, presence, cancellationToken);
            previews.Add(preview with { SelectedBy = chosen.Rules });
        }

        return new PreviewedRequest(previews, resolved.Selected.LeftOut);
    }

    private async Task<PreviewedBackup> PlanAsync(
        ServerDbContext context, IEngine engine, ResolvedBackup resolved, EngineVm known, BackupDetails asked, IReadOnlyList<EngineStorageDomain> domains,
        WorkerPresence presence, CancellationToken cancellationToken)
    {
        var manager = resolved.Manager;
        if (await engine.FindVmAsync(known.Id, cancellationToken) is not { } vm)
        {
            return new PreviewedBackup(known, asked, null, Gone);
        }

        var cluster = await inventory.FindAsync<EngineCluster>(manager.Id, InventoryKind.Cluster, vm.ClusterId, cancellationToken)
            ?? throw new JobFailureException($"Cluster {vm.ClusterId} of VM {vm.Name} is not in the inventory: refresh it (ovd manager inventory --refresh).");
        var (details, obstacle) = await BackupCheck.CheckAsync(context, manager, vm, cluster, asked, presence, cancellationToken);
        var refusal = obstacle?.Text;
        if (refusal is null && details.Export is { } export)
        {
            refusal = await ExportReach.ExplainInactiveAsync(engine, cluster, export.DomainId, export.DomainName, cancellationToken);
        }

        if (refusal is not null && obstacle is not { Kind: ObstacleKind.NoWorker })
        {
            return new PreviewedBackup(vm, details, null, refusal);
        }

        (details, var problem) = await LookForGuestAsync(engine, vm, details, cancellationToken);
        var subject = new BackupSubject(manager.Id, vm.Id, resolved.Repository);
        var plan = await planner.PlanAsync(context, engine, subject, vm, cluster, details, cancellationToken);
        var kept = await KeptStates.ListAsync(engine, vm.Id, installation.InstanceId, resolved.Repository.Id, details.TransportMode, cancellationToken);
        return Complete(vm, details, plan, kept, domains) with { Refusal = refusal ?? problem };
    }

    /// <summary>Where commands in the guest would run, and why the pre-command could not where that would end the backup.</summary>
    private static async Task<(BackupDetails Details, string Problem)> LookForGuestAsync(IEngine engine, EngineVm vm, BackupDetails details, CancellationToken cancellationToken)
    {
        if (details.Commands is not { Guest: { } guest } commands)
        {
            return (details, "");
        }

        var (found, problem) = await GuestFinder.LookAsync(engine, vm, guest, cancellationToken);
        return (
            details with { Commands = commands with { Guest = found } },
            problem is not null && commands is { Pre: { } pre, ContinueAfterFailedPre: false } ? $"its pre-command {pre.Name} cannot run: {problem}" : "");
    }

    private static PreviewedBackup Complete(EngineVm vm, BackupDetails details, BackupPlan plan, KeptStates kept, IReadOnlyList<EngineStorageDomain> domains)
    {
        var (scratch, note) = Scratch(vm, details, plan, domains);
        return new PreviewedBackup(vm, details, plan, "")
        {
            ReadBytesAtMost = plan.Disks.Sum(disk => BytesAtMost(vm, plan, disk, details.TransportMode)),
            ScratchBytes = scratch,
            ScratchNote = note,
            Calls = PlannedCalls.Of(vm, details, plan, kept),
        };
    }

    /// <summary>The manager counts what a disk's own layers hold. A disk of a VM that was made from a template may stand on the template's, which a full backup reads too.</summary>
    private static long BytesAtMost(EngineVm vm, BackupPlan plan, EngineDisk disk, string mode) =>
        vm.FromTemplate && !plan.ReadingOf(disk, mode).Incremental ? disk.SizeBytes : disk.ActualBytes;

    /// <summary>What the manager allocates at once; oVirt's defaults (MaxBackupBlockScratchDiskInitialSizePercents, MinBackupBlockScratchDiskInitialSizeInGB).</summary>
    private static (long Bytes, string Note) Scratch(EngineVm vm, BackupDetails details, BackupPlan plan, IReadOnlyList<EngineStorageDomain> domains)
    {
        const long SmallestBlockScratch = 4L << 30;
        const int BlockScratchShare = 5;
        if (TransportModes.UsesSnapshot(details.TransportMode))
        {
            return (0, "the snapshot grows with what the guest writes while it stands");
        }

        if (vm.Status == "down")
        {
            return (0, "none: the VM is down");
        }

        var onBlock = plan.Disks.Where(disk => domains.FirstOrDefault(domain => domain.Id == disk.StorageDomainId) is { IsBlock: true });
        return (onBlock.Sum(disk => Math.Min(disk.SizeBytes, Math.Max(SmallestBlockScratch, disk.SizeBytes / BlockScratchShare))), "scratch disks grow with what the guest overwrites while the backup runs");
    }
}
