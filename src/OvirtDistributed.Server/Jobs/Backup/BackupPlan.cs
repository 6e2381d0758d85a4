// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Which disks, and full or incremental: the decision without any I/O.</summary>
internal sealed record BackupPlan
{
    public required IReadOnlyList<EngineDisk> Disks { get; init; }

    public required IReadOnlyList<SkippedDisk> Skipped { get; init; }

    public required bool Incremental { get; init; }

    /// <summary>Empty when nothing is amiss: an incremental, or a full that was asked for.</summary>
    public required string ModeReason { get; init; }

    /// <summary>True when an incremental was possible by policy but is not now: the operator should know.</summary>
    public bool FellBack { get; init; }

    public Guid? FromCheckpointId { get; init; }

    public RestorePoint? BasePoint { get; init; }

    /// <summary>How a disk of this backup is read.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="mode">The transport mode.</param>
    public DiskReading ReadingOf(EngineDisk disk, string mode) => ReadingOf(disk, BasePoint, mode);

    /// <summary>Decides.</summary>
    /// <param name="vm">The VM as it is.</param>
    /// <param name="cluster">Its cluster.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="latest">The newest committed point of this VM in this repository.</param>
    /// <param name="latestExists">The repository still holds that point.</param>
    /// <param name="checkpoints">What the engine lists for the VM: checkpoints, or in snapshot modes its snapshots.</param>
    public static BackupPlan Decide(
        EngineVm vm, EngineCluster cluster, BackupDetails request, RestorePoint? latest, bool latestExists, IReadOnlyList<EngineCheckpoint> checkpoints)
    {
        var skipped = new List<SkippedDisk>();
        var disks = new List<EngineDisk>();
        foreach (var disk in vm.Disks)
        {
            if (SkipReason(disk, cluster, request.ExcludedDisks, request.TransportMode) is var (reason, expected))
            {
                skipped.Add(new SkippedDisk(disk.Id, disk.Alias, reason, expected));
            }
            else
            {
                disks.Add(disk);
            }
        }

        var (incremental, why, fellBack) = DecideMode(cluster, request, latest, latestExists, checkpoints, disks);
        return new BackupPlan
        {
            Disks = disks,
            Skipped = skipped,
            Incremental = incremental,
            ModeReason = why,
            FellBack = fellBack,
            FromCheckpointId = incremental ? latest!.CheckpointId : null,
            BasePoint = incremental ? latest : null,
        };
    }

    /// <summary>Why a disk cannot be in a backup; null when it can. Expected = nothing the operator should change.</summary>
    public static (string Reason, bool Expected)? SkipReason(EngineDisk disk, EngineCluster cluster, IReadOnlyList<string> excluded, string mode) => disk switch
    {
        _ when DiskExclusion.Find(disk, excluded) is { } rule => ($"excluded by the request ({rule})", true),
        { StorageType: not "image" } => ($"a disk of type {disk.StorageType} cannot be read through the manager", true),
        { Shareable: true } => ("a shareable disk cannot be backed up", true),
        { ContentType: not "data" } => ($"holds {disk.ContentType}, not data", true),
        { Active: false } => ("the disk is not plugged in: plug it, or exclude it", false),
        { Status: "illegal" } => ("the disk is illegal on the manager: repair or remove it", false),
        { IncrementalEnabled: false } when mode == TransportModes.Cbt && !cluster.MixesFullAndIncremental =>
            ($"incremental backup is not enabled on the disk, which cluster level {cluster.Level} needs: enable it (cow disks only)", false),
        _ => null,
    };

    private static DiskReading ReadingOf(EngineDisk disk, RestorePoint? below, string mode)
    {
        var known = below?.Disks.FirstOrDefault(candidate => candidate.Id == disk.Id);
        return DiskReading.Of(disk, below is not null, known is not null, known?.Format == "raw", mode);
    }

    private static (bool Incremental, string Reason, bool FellBack) DecideMode(
        EngineCluster cluster, BackupDetails request, RestorePoint? latest, bool latestExists, IReadOnlyList<EngineCheckpoint> checkpoints, List<EngineDisk> disks)
    {
        if (request.FullRequested)
        {
            return (false, "a full backup was asked for", false);
        }

        if (request.TransportMode == TransportModes.DiskAttachment)
        {
            return (false, "an attached disk does not tell what changed", false);
        }

        if (request.TransportMode == TransportModes.ExportDomain)
        {
            return (false, "the manager exports whole disks only", false);
        }

        if (TransportModes.UsesSnapshot(request.TransportMode) && !request.GivesLayers && !request.ReadsFiles())
        {
            return (false, "the manager is older than 4.4.3 and cannot give what a single snapshot holds", false);
        }

        if (latest is null)
        {
            return (false, "first backup of the VM in this repository", false);
        }

        if (!latestExists)
        {
            return (false, $"restore point {latest.Id}, on which the incremental would stand, is not in the repository any more", true);
        }

        if (latest.TransportMode != request.TransportMode && latest.TransportMode.Length > 0)
        {
            return (false, $"the last backup was made in transport mode {latest.TransportMode}", false);
        }

        if (latest.CheckpointId is not { } checkpointId)
        {
            return TransportModes.UsesSnapshot(request.TransportMode)
                ? (false, "the last backup kept no snapshot", false)
                : (false, "the last backup left no checkpoint (only raw disks)", false);
        }

        if (TransportModes.UsesSnapshot(request.TransportMode))
        {
            return DecideOnSnapshot(latest, checkpointId, checkpoints, disks);
        }

        if (checkpoints.FirstOrDefault(checkpoint => checkpoint.Id == checkpointId) is not { } checkpoint)
        {
            return (false, $"checkpoint {checkpointId} is lost: the manager does not list it", true);
        }

        if (!checkpoint.Usable)
        {
            return (false, $"checkpoint {checkpointId} is invalid on the manager", true);
        }

        var known = latest.Disks.Select(disk => disk.Id).ToHashSet();
        if (!disks.Any(disk => known.Contains(disk.Id)))
        {
            return (false, "none of the disks is in the last restore point", false);
        }

        if (!disks.Any(disk => ReadingOf(disk, latest, request.TransportMode).Incremental))
        {
            return (false, "the manager tracks changes of none of the disks that are in the last restore point", false);
        }

        return !cluster.MixesFullAndIncremental && disks.Any(disk => !known.Contains(disk.Id))
            ? (false, $"a disk was added, and cluster level {cluster.Level} cannot mix full and incremental disks", true)
            : (true, "", false);
    }

    /// <summary>The kept snapshot must be there and the newest: what a snapshot after it holds would be missed.</summary>
    private static (bool Incremental, string Reason, bool FellBack) DecideOnSnapshot(
        RestorePoint latest, Guid snapshotId, IReadOnlyList<EngineCheckpoint> snapshots, List<EngineDisk> disks)
    {
        if (snapshots.FirstOrDefault(snapshot => snapshot.Id == snapshotId) is not { } kept)
        {
            return (false, $"snapshot {snapshotId}, which the last backup kept, was deleted", true);
        }

        if (!kept.Usable)
        {
            return (false, $"snapshot {snapshotId}, which the last backup kept, is locked", true);
        }

        if (snapshots.FirstOrDefault(snapshot => snapshot.Created > kept.Created) is { } later)
        {
            return (false, $"snapshot '{later.Description}' was taken since the last backup: what changed lies in more than one layer", true);
        }

        var known = latest.Disks.Select(disk => disk.Id).ToHashSet();
        return disks.Any(disk => known.Contains(disk.Id)) ? (true, "", false) : (false, "none of the disks is in the last restore point", false);
    }
}
