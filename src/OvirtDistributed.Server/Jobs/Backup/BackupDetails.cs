// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs.Backup.Commands;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>What a backup job was asked and what it found out on its way.</summary>
internal sealed record BackupDetails
{
    /// <summary>What was asked; <see cref="TransportModes.Auto"/> leaves the choice to us.</summary>
    public string RequestedMode { get; init; } = TransportModes.Auto;

    /// <summary>How the disks of this backup are read.</summary>
    public string TransportMode { get; init; } = TransportModes.Cbt;

    /// <summary>Why it is this mode.</summary>
    public string TransportReason { get; init; } = "";

    public bool FullRequested { get; init; }

    public string Compression { get; init; } = "default";

    /// <summary>Ids, aliases or patterns of aliases.</summary>
    public IReadOnlyList<string> ExcludedDisks { get; init; } = [];

    public IReadOnlyList<Guid> Disks { get; init; } = [];

    public IReadOnlyList<SkippedDisk> Skipped { get; init; } = [];

    public bool Incremental { get; init; }

    /// <summary>Why it is full, or why an incremental fell back to full.</summary>
    public string ModeReason { get; init; } = "";

    /// <summary>What the incremental starts from: a checkpoint, or a snapshot that was kept.</summary>
    public Guid? FromCheckpointId { get; init; }

    public string? BasePointId { get; init; }

    /// <summary>Disks the base point holds: only these can be read incrementally.</summary>
    public IReadOnlyList<Guid> BaseDisks { get; init; } = [];

    /// <summary>Those of them that were raw then, which no checkpoint has.</summary>
    public IReadOnlyList<Guid> RawBaseDisks { get; init; } = [];

    /// <summary>What is run around the moment; null when nothing.</summary>
    public BackupCommands? Commands { get; init; }

    /// <summary>One of <see cref="ConsistencyRules"/>.</summary>
    public string ConsistencyRule { get; init; } = ConsistencyRules.Auto;

    /// <summary>The next start asks the engine to fail when the guest cannot be frozen.</summary>
    public bool RequireConsistency { get; init; }

    /// <summary><see cref="ConsistencyRules.Freeze"/>: the longest the guest stays frozen.</summary>
    public TimeSpan FreezeTimeout { get; init; } = Freezing.FreezeLimits.Default;

    /// <summary>Freezes that were begun so far.</summary>
    public int FreezeTries { get; init; }

    /// <summary>Why the guest is not frozen; empty while nothing is known against it.</summary>
    public string FreezeProblem { get; init; } = "";

    /// <summary>The guest was still frozen by us when the snapshot was there; null before that is known.</summary>
    public bool? FrozenAtSnapshot { get; init; }

    /// <summary>What there is to say about consistency, for people; empty when nothing.</summary>
    public string ConsistencyDetail { get; init; } = "";

    /// <summary>The VM was powered off by us without its guest's knowledge: that it is down says nothing of its file systems.</summary>
    public bool PoweredOffHard { get; init; }

    /// <summary>What holds the point in time on the engine: its backup, or our snapshot.</summary>
    public Guid? EngineBackupId { get; init; }

    /// <summary>Snapshot modes: disk id → the layer to read.</summary>
    public IReadOnlyDictionary<Guid, Guid> Layers { get; init; } = new Dictionary<Guid, Guid>();

    /// <summary>Snapshot modes: the manager can give one layer of a disk alone.</summary>
    public bool GivesLayers { get; init; } = true;

    /// <summary>Snapshot modes: the snapshot goes when the backup is done, so that the next backup is a full one.</summary>
    public bool DropSnapshot { get; init; }

    /// <summary>The engine backup that failed and is ended before the next start.</summary>
    public Guid? FailedBackupId { get; init; }

    /// <summary>What the next incremental starts from: a checkpoint, or a snapshot that is kept.</summary>
    public Guid? ToCheckpointId { get; init; }

    /// <summary>crash, file-system or unknown.</summary>
    public string Consistency { get; init; } = "unknown";

    /// <summary>The point in time that the backup holds.</summary>
    public DateTimeOffset? PointInTime { get; init; }

    /// <summary>The checkpoint turned out to be unusable: ours are deleted before the next start.</summary>
    public bool CheckpointLost { get; init; }

    /// <summary>Commits that were refused because something was missing: bounds the rounds.</summary>
    public int RefusedCommits { get; init; }

    /// <summary>Starts of an engine backup so far: bounds the falls back.</summary>
    public int Starts { get; init; }

    /// <summary>Transport mode export-domain: where the disks go on their way.</summary>
    public BackupExport? Export { get; init; }

    /// <summary>What may stay of an ended job.</summary>
    public BackupDetails WithoutSecrets() =>
        Commands is { Guest: { SealedKey: not null } guest } commands ? this with { Commands = commands with { Guest = guest with { SealedKey = null } } } : this;

    /// <summary>What follows when the manager holds the moment.</summary>
    public JobEvent WhenReady() => Commands?.Post is null ? WhenReleased(JobEvent.BackupReady) : JobEvent.BackupReadyWithCommand;

    /// <summary>What follows then, when the guest needs no command any more: by an export domain the disks have a longer way to go.</summary>
    public JobEvent WhenReleased(JobEvent otherwise) => Export is null ? otherwise : JobEvent.SnapshotReady;

    /// <summary>Whether we freeze the guest around the snapshot: it was asked for and the guest runs.</summary>
    public bool Freezes() => ConsistencyRule == ConsistencyRules.Freeze && RequireConsistency && TransportModes.UsesSnapshot(TransportMode);

    /// <summary>Whether the snapshot stays on the manager for the next incremental.</summary>
    public bool KeepsSnapshot() => !DropSnapshot && (GivesLayers || ReadsFiles()) && TransportModes.KeepsSnapshot(TransportMode);

    /// <summary>Image transfers of a manager that cannot give one layer of a disk give the layers' files.</summary>
    public bool ReadsFiles() => TransportMode == TransportModes.ImageTransfer && !GivesLayers;
}

internal sealed record SkippedDisk(Guid DiskId, string Alias, string Reason, bool Expected);
