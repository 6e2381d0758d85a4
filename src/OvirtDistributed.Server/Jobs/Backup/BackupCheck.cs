// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Decides from what is known of a VM whether it can be backed up as was asked: one check for admission, for the plan and for the job. It asks no manager.</summary>
internal static class BackupCheck
{
    /// <param name="context">The database.</param>
    /// <param name="manager">The VM's.</param>
    /// <param name="vm">As it is, or as the inventory has it.</param>
    /// <param name="cluster">The VM's.</param>
    /// <param name="asked">What was asked.</param>
    /// <param name="presence">Which workers are there.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<CheckedBackup> CheckAsync(
        ServerDbContext context, StoredManager manager, EngineVm vm, EngineCluster cluster, BackupDetails asked, WorkerPresence presence, CancellationToken cancellationToken)
    {
        if (ExplainState(vm) is var (state, settles) && state.Length > 0)
        {
            return new CheckedBackup(asked, new BackupObstacle(state, settles ? ObstacleKind.Settles : ObstacleKind.Stays));
        }

        var (details, refusal) = await BackupPlanner.ChooseModeAsync(context, manager, vm, cluster, asked, presence, cancellationToken);
        refusal ??= ExplainNoDisk(vm, cluster, details);
        return refusal is not null ? new CheckedBackup(details, new BackupObstacle(refusal, ObstacleKind.Stays))
            : presence.ExplainUnmanned(NeedsOf(vm.ClusterId, vm.Id, details)) is { } nobody ? new CheckedBackup(details, new BackupObstacle(nobody, ObstacleKind.NoWorker))
            : new CheckedBackup(details, null);
    }

    /// <summary>The workers that a backup needs: who reads the disks, and who runs its commands.</summary>
    public static IEnumerable<WorkerNeed> NeedsOf(Guid own, Guid vmId, BackupDetails details)
    {
        var reader = details switch
        {
            { Export: { } export } => WorkerNeed.Mounting(export.WorkerClusterId, new ExportWay(export.DomainId, export.DomainName, export.Location)),
            { TransportMode: TransportModes.DiskAttachment } => WorkerNeed.InVm(own, vmId),
            _ => new WorkerNeed(own),
        };
        return details.Commands is null ? [reader] : [new WorkerNeed(own), reader];
    }

    private static (string Text, bool Settles) ExplainState(EngineVm vm) => vm switch
    {
        { HostedEngine: true } => ("it is the hosted engine, which the manager does not back up this way: use engine-backup", false),
        { Status: "up" or "down" } => ("", false),
        _ => ($"it is {vm.Status}, and the manager backs up a VM only while it is up or down", vm.Status is not ("paused" or "suspended")),
    };

    private static string? ExplainNoDisk(EngineVm vm, EngineCluster cluster, BackupDetails details)
    {
        if (vm.Disks.Count == 0)
        {
            return "it has no disks";
        }

        var reasons = vm.Disks.Select(disk => (disk.Alias, Skip: BackupPlan.SkipReason(disk, cluster, details.ExcludedDisks, details.TransportMode))).ToList();
        return reasons.TrueForAll(disk => disk.Skip is not null)
            ? $"none of its disks can be backed up ({string.Join("; ", reasons.Select(disk => $"{disk.Alias}: {disk.Skip!.Value.Reason}"))})"
            : null;
    }
}

/// <param name="Details">What was asked, with what was decided so far.</param>
/// <param name="Obstacle">What speaks against it; null when nothing.</param>
internal sealed record CheckedBackup(BackupDetails Details, BackupObstacle? Obstacle);

/// <param name="Text">Goes behind "VM NAME cannot be backed up:".</param>
/// <param name="Kind">What follows from it.</param>
internal sealed record BackupObstacle(string Text, ObstacleKind Kind)
{
    public string Sentence(string who) => $"{who} cannot be backed up: {Text}.";
}

internal enum ObstacleKind
{
    /// <summary>It has to be changed, or something else asked.</summary>
    Stays,

    /// <summary>The VM is on its way to a state in which it can be: a job waits for that.</summary>
    Settles,

    /// <summary>A job waits for a worker, with nothing made on the manager.</summary>
    NoWorker,
}
