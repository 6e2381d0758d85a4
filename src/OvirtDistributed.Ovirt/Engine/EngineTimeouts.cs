// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>How long to wait for what. All limits are of real time on the injected clock.</summary>
public sealed record EngineTimeouts
{
    /// <summary>TCP and TLS to the manager. Default 15 s.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>One HTTP exchange. Default 3 minutes: creating a VM and hot-plugging a disk answer only when done.</summary>
    public TimeSpan Request { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Pause between two looks at a state. Default 1 s, as oVirt's own clients do.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Backup start to ready: scratch disks or a snapshot may have to be made. Default 30 minutes.</summary>
    public TimeSpan BackupReady { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Backup finalize to succeeded: a hybrid backup merges its snapshot first. Default 4 hours.</summary>
    public TimeSpan BackupEnd { get; init; } = TimeSpan.FromHours(4);

    /// <summary>Image transfer created to transferring. Default 5 minutes.</summary>
    public TimeSpan TransferReady { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Transfer finalize or cancel to finished. Default 10 minutes: the engine looks every 10 s and may wait a minute for busy connections.</summary>
    public TimeSpan TransferEnd { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Disk created or changed to ok. Default 30 minutes: preallocation writes the whole disk.</summary>
    public TimeSpan DiskOk { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Snapshot created to ok. Default 40 minutes, above the engine's own 30.</summary>
    public TimeSpan SnapshotOk { get; init; } = TimeSpan.FromMinutes(40);

    /// <summary>Snapshot or checkpoint deleted to gone. Default 4 hours: merging moves data.</summary>
    public TimeSpan SnapshotGone { get; init; } = TimeSpan.FromHours(4);

    /// <summary>Checkpoint deleted to gone. Default 5 minutes.</summary>
    public TimeSpan CheckpointGone { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>VM started, stopped or unlocked. Default 10 minutes.</summary>
    public TimeSpan VmStatus { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Jobs of a correlation id finished. Default 30 minutes.</summary>
    public TimeSpan Jobs { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Logout when the client is closed. Default 5 s; a session left behind ends by itself after 30 idle minutes.</summary>
    public TimeSpan Logout { get; init; } = TimeSpan.FromSeconds(5);

    internal void Validate(List<string> errors)
    {
        Check(Connect, nameof(Connect), errors);
        Check(Request, nameof(Request), errors);
        Check(PollInterval, nameof(PollInterval), errors);
        Check(BackupReady, nameof(BackupReady), errors);
        Check(BackupEnd, nameof(BackupEnd), errors);
        Check(TransferReady, nameof(TransferReady), errors);
        Check(TransferEnd, nameof(TransferEnd), errors);
        Check(DiskOk, nameof(DiskOk), errors);
        Check(SnapshotOk, nameof(SnapshotOk), errors);
        Check(SnapshotGone, nameof(SnapshotGone), errors);
        Check(CheckpointGone, nameof(CheckpointGone), errors);
        Check(VmStatus, nameof(VmStatus), errors);
        Check(Jobs, nameof(Jobs), errors);
        Check(Logout, nameof(Logout), errors);
    }

    private static void Check(TimeSpan value, string name, List<string> errors)
    {
        if (value <= TimeSpan.Zero || value > TimeSpan.FromDays(10))
        {
            errors.Add($"Timeouts.{name} {value} is out of range: use more than zero and at most 10 days.");
        }
    }
}
