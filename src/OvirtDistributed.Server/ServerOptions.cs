// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server;

/// <summary>Settings of the backup server. Configuration section <c>Server</c>.</summary>
public sealed class ServerOptions
{
    public const string Section = "Server";

    /// <summary>Npgsql connection string of the PostgreSQL database. Required.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>Directory of the key file that seals passwords and of the installation's id. Required; back it up apart from the database.</summary>
    public string DataDirectory { get; set; } = "";

    /// <summary>How often a worker reports. Default 10 s; must be at most a third of <see cref="LeaseDuration"/>.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a lease lasts without a heartbeat. Default 60 s: longer delays the take-over of a dead worker's task, shorter lets a busy network end healthy ones.</summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Added before a lease counts as ended at the server: workers stop before, by their own clock. Default 5 s.</summary>
    public TimeSpan LeaseGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>An offer nobody took is published again after this. Default 2 minutes.</summary>
    public TimeSpan OfferAgainAfter { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Attempts of a task that may fail before the task does. Default 5. A worker that shuts down costs none.</summary>
    public int MaxAttempts { get; set; } = 5;

    /// <summary>Pause between two looks at the engine by a waiting step. Default 1 s, as oVirt's own clients do.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>First pause after a failed try of a step; doubles up to a minute. Default 2 s.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a step may fail for passing reasons before the job gives up. Default 30 minutes.</summary>
    public TimeSpan StepPatience { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a command of a backup may wait for a worker. Default 30 minutes. A pre-command then counts as failed; a post-command is given up with a warning.</summary>
    public TimeSpan CommandPatience { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long the server that froze a guest tries to thaw it, every 30 s at least. Default 10 minutes; then the ledger's loop goes on, every 5 minutes at least.</summary>
    public TimeSpan ThawPatience { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Guests that are frozen at the same time, each with a process that guards it; further ones wait, unfrozen. Default 8.</summary>
    public int MaxFrozenGuests { get; set; } = 8;

    /// <summary>How long the engine may take to make a backup ready. Default 30 minutes: scratch disks or a snapshot may have to be made.</summary>
    public TimeSpan BackupReadyPatience { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long the engine may take to end a backup before the job ends with a warning and the reconciler goes on. Default 4 hours: a merge moves data.</summary>
    public TimeSpan FinalizePatience { get; set; } = TimeSpan.FromHours(4);

    /// <summary>How long the manager may take to clone a VM, to export it, or to import one. Default 12 hours: it copies whole disks.</summary>
    public TimeSpan ExportPatience { get; set; } = TimeSpan.FromHours(12);

    /// <summary>How long clean-up of a failed job is tried before the reconciler takes over. Default 15 minutes.</summary>
    public TimeSpan UndoPatience { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long an image transfer or a new disk may take to become usable. Default 5 minutes (disks that are preallocated: 30).</summary>
    public TimeSpan TransferReadyPatience { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the engine may take to end an image transfer after the worker is done with it. Default 15 minutes. A backup then goes on without, a restore fails.</summary>
    public TimeSpan TransferEndPatience { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Time without I/O after which the engine ends a transfer. Default 5 minutes.</summary>
    public TimeSpan TransferInactivity { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Connections a worker may open for one transfer. Default 4: the measured optimum is 2 to 4, imageio allows 8.</summary>
    public int TransferConnections { get; set; } = 4;

    /// <summary>Most disks the VM of one worker may have, its own included. Default 24: the controller takes more, but plugging is serial per VM.</summary>
    public int MaxAttachedDisks { get; set; } = 24;

    /// <summary>How often the ledger is compared with the engines. Default 5 minutes.</summary>
    public TimeSpan ReconcileInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How often the engines are searched for what carries our mark and what the ledger does not know; also when a server begins to lead. Default 1 hour: it takes two
    /// requests for each VM that was ever backed up.
    /// </summary>
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary>After this a request without an answer can no longer reach the engine. Default 4 minutes: above the engine client's longest exchange.</summary>
    public TimeSpan RequestLifetime { get; set; } = TimeSpan.FromMinutes(4);

    /// <summary>How often inventory is read. Default 5 minutes.</summary>
    public TimeSpan InventoryInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How often repositories are asked for their state. Default 1 minute.</summary>
    public TimeSpan RepositoryInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How often points that no retention policy keeps are removed. Default 1 hour.</summary>
    public TimeSpan RetentionInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary>A restore point is verified by a worker when its last verification, or its creation, is longer ago. 0 = never by itself. Default 30 days.</summary>
    public TimeSpan VerifyPointsAfter { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Most verifications begun in a day, as a percentage of all restore points. Default 5.</summary>
    public int VerifyPercentPerDay { get; set; } = 5;

    /// <summary>Most MiB a second that a scheduled verification reads of each disk; 0 = as fast as it goes. Default 100.</summary>
    public int VerifyMaxMiBPerSecond { get; set; } = 100;

    /// <summary>How often it is looked for restore points that are due. Default 1 hour.</summary>
    public TimeSpan VerifyInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Steps that run at the same time. Default 32.</summary>
    public int MaxConcurrentSteps { get; set; } = 32;

    /// <summary>A worker unheard of for this long shows as silent. Default 1 minute.</summary>
    public TimeSpan WorkerSilentAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Clusters (ids) served by workers inside this process, for small sites.</summary>
    public IList<EmbeddedWorkerOptions> EmbeddedWorkers { get; } = [];

    /// <summary>Every problem with these options, each naming the setting.</summary>
    public IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(ConnectionString))
        {
            yield return $"{Section}:ConnectionString is not set: write Host=...;Database=...;Username=...;Password=...";
        }

        if (string.IsNullOrWhiteSpace(DataDirectory))
        {
            yield return $"{Section}:DataDirectory is not set: name a directory that only the service user can read.";
        }

        foreach (var (name, value) in Durations().Where(duration => duration.Value <= TimeSpan.Zero))
        {
            yield return $"{Section}:{name} '{value}' must be more than zero.";
        }

        if (HeartbeatInterval * 3 > LeaseDuration)
        {
            yield return $"{Section}:HeartbeatInterval '{HeartbeatInterval}' is more than a third of LeaseDuration '{LeaseDuration}': a single lost heartbeat would end healthy work.";
        }

        if (MaxAttempts is < 1 or > 100)
        {
            yield return $"{Section}:MaxAttempts '{MaxAttempts}' is out of range: use 1 to 100.";
        }

        if (TransferConnections is < 1 or > 8)
        {
            yield return $"{Section}:TransferConnections '{TransferConnections}' is out of range: imageio serves 1 to 8.";
        }

        if (MaxAttachedDisks is < 2 or > 1000)
        {
            yield return $"{Section}:MaxAttachedDisks '{MaxAttachedDisks}' is out of range: use 2 to 1000.";
        }

        if (MaxFrozenGuests is < 1 or > 100)
        {
            yield return $"{Section}:MaxFrozenGuests '{MaxFrozenGuests}' is out of range: use 1 to 100.";
        }

        if (VerifyPointsAfter < TimeSpan.Zero)
        {
            yield return $"{Section}:VerifyPointsAfter '{VerifyPointsAfter}' is below zero: write 00:00:00 for never.";
        }

        if (VerifyPercentPerDay is < 1 or > 100)
        {
            yield return $"{Section}:VerifyPercentPerDay '{VerifyPercentPerDay}' is out of range: use 1 to 100.";
        }

        if (VerifyMaxMiBPerSecond is < 0 or > 1_000_000)
        {
            yield return $"{Section}:VerifyMaxMiBPerSecond '{VerifyMaxMiBPerSecond}' is out of range: use 0 (no limit) to 1000000.";
        }

        if (MaxConcurrentSteps is < 1 or > 1000)
        {
            yield return $"{Section}:MaxConcurrentSteps '{MaxConcurrentSteps}' is out of range: use 1 to 1000.";
        }

        foreach (var worker in EmbeddedWorkers.Where(worker => worker.CommandDirectory is { Length: > 0 } directory && !Path.IsPathRooted(directory)))
        {
            yield return $"{Section}:EmbeddedWorkers: CommandDirectory '{worker.CommandDirectory}' is not a full path: name the directory with the commands, or leave it out.";
        }

        foreach (var worker in EmbeddedWorkers.Where(worker => worker.ClusterId == Guid.Empty || worker.Slots is < 1 or > 64))
        {
            yield return $"{Section}:EmbeddedWorkers '{worker.ClusterId}' with {worker.Slots} slots: give the cluster's id and 1 to 64 slots.";
        }
    }

    private IEnumerable<(string Name, TimeSpan Value)> Durations() =>
    [
        (nameof(HeartbeatInterval), HeartbeatInterval), (nameof(LeaseDuration), LeaseDuration), (nameof(OfferAgainAfter), OfferAgainAfter),
        (nameof(PollInterval), PollInterval), (nameof(RetryDelay), RetryDelay), (nameof(StepPatience), StepPatience),
        (nameof(CommandPatience), CommandPatience), (nameof(ThawPatience), ThawPatience), (nameof(BackupReadyPatience), BackupReadyPatience), (nameof(FinalizePatience), FinalizePatience), (nameof(UndoPatience), UndoPatience),
        (nameof(TransferReadyPatience), TransferReadyPatience), (nameof(ExportPatience), ExportPatience),
        (nameof(TransferEndPatience), TransferEndPatience), (nameof(TransferInactivity), TransferInactivity),
        (nameof(ReconcileInterval), ReconcileInterval), (nameof(SweepInterval), SweepInterval), (nameof(RequestLifetime), RequestLifetime), (nameof(InventoryInterval), InventoryInterval),
        (nameof(RepositoryInterval), RepositoryInterval), (nameof(RetentionInterval), RetentionInterval), (nameof(VerifyInterval), VerifyInterval), (nameof(WorkerSilentAfter), WorkerSilentAfter),
    ];
}

/// <summary>A worker inside the server's process.</summary>
public sealed class EmbeddedWorkerOptions
{
    /// <summary>The oVirt cluster whose offers it takes.</summary>
    public Guid ClusterId { get; set; }

    /// <summary>Disks at the same time. Default 2.</summary>
    public int Slots { get; set; } = 2;

    /// <summary>Export domains that are mounted on the server's machine: id of the storage domain → local directory.</summary>
    public IDictionary<string, string> ExportDomains { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Directory with the programs that backups may run as pre- and post-commands in this process's account; none can be run while it is not set.</summary>
    public string? CommandDirectory { get; set; }
}
