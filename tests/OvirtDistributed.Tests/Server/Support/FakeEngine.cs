// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>When an armed fault strikes: before the engine did anything, or after it did everything and only the answer is lost.</summary>
internal enum FaultMoment
{
    Before,
    After,
}

/// <summary>An engine in memory with the rules that jobs depend on: phases move one step per look, locks and orders are enforced.</summary>
internal sealed partial class FakeEngine : IEngine
{
    private readonly List<(string Call, FaultMoment Moment, Exception Failure)> _faults = [];

    private readonly Lock _turn = new();

    private int _moments;

    public List<string> Calls { get; } = [];

    public int FaultsFired { get; private set; }

    public Dictionary<Guid, EngineVm> Vms { get; } = [];

    public Dictionary<Guid, FakeBackup> Backups { get; } = [];

    public Dictionary<Guid, List<EngineCheckpoint>> Checkpoints { get; } = [];

    public Dictionary<Guid, EngineTransfer> Transfers { get; } = [];

    public Dictionary<Guid, EngineDisk> Disks { get; } = [];

    /// <summary>How the engine ends backups instead of making them ready; taken one by one.</summary>
    public Queue<EngineException> BackupFailures { get; } = [];

    /// <summary>Backups go through a snapshot of the engine's own.</summary>
    public bool Hybrid { get; set; }

    public string ProductVersion { get; set; } = "4.5.4";

    public EngineInventory Inventory { get; set; } = new();

    /// <summary>The next call of this name fails.</summary>
    public void Arm(string call, FaultMoment moment, EngineFailure failure = EngineFailure.Unreachable) =>
        _faults.Add((call, moment, new EngineException(failure, $"{call} was made to fail")));

    /// <summary>The same with a failure that no engine answers with.</summary>
    public void Arm(string call, FaultMoment moment, Exception failure) => _faults.Add((call, moment, failure));

    /// <summary>What a test must not find after a job: anything of ours that still works or waits.</summary>
    public IEnumerable<string> Leftovers() =>
    [
        .. Backups.Values.Where(backup => backup.Phase is not (EngineBackupPhase.Succeeded or EngineBackupPhase.Failed)).Select(backup => $"backup {backup.Id}"),
        .. Snapshots.Values.SelectMany(all => all).Where(snapshot => snapshot.Locked).Select(snapshot => $"locked snapshot {snapshot.Id}"),
        .. Attachments.SelectMany(vm => vm.Value).Select(attachment => $"attachment of {attachment.DiskId}"),
        .. Transfers.Values.Where(transfer => !transfer.IsEnded).Select(transfer => $"transfer {transfer.Id}"),
    ];

    public Task<EngineProductInfo> ReadProductAsync(CancellationToken cancellationToken) =>
        CallAsync(nameof(ReadProductAsync), () => new EngineProductInfo("oVirt", ProductVersion));

    public Task<EngineInventory> ReadInventoryAsync(CancellationToken cancellationToken) =>
        CallAsync(nameof(ReadInventoryAsync), () => Inventory with { Vms = [.. Vms.Values] });

    public Task<EngineVm?> FindVmAsync(Guid vmId, CancellationToken cancellationToken) => CallAsync(nameof(FindVmAsync), () =>
    {
        if (!Vms.TryGetValue(vmId, out var vm))
        {
            return null;
        }

        // Seen once on its way up, then up.
        Vms[vmId] = vm.Status == "powering_up" ? vm with { Status = "up" } : vm;
        return vm with { Disks = [.. vm.Disks.Select(Current)] };
    });

    public Task<string> ReadOvfAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync(nameof(ReadOvfAsync), () => $"<Envelope><Content><Name>{Vms[vmId].Name}</Name></Content></Envelope>");

    public Task StartBackupAsync(EngineBackupStart start, CancellationToken cancellationToken) => CallAsync(nameof(StartBackupAsync), () =>
    {
        if (Backups.ContainsKey(start.BackupId))
        {
            throw new EngineException(EngineFailure.Refused, "The backup id exists already.");
        }

        if (Backups.Values.Any(backup => backup.VmId == start.VmId && backup.Phase is not (EngineBackupPhase.Succeeded or EngineBackupPhase.Failed)))
        {
            throw new EngineException(EngineFailure.Locked, "The VM is during a backup operation.");
        }

        Backups.Add(start.BackupId, new FakeBackup(start, NextMoment()) { ThroughSnapshot = Hybrid });
        return true;
    });

    public Task<EngineBackup?> FindBackupAsync(Guid vmId, Guid backupId, CancellationToken cancellationToken) => CallAsync(nameof(FindBackupAsync), () =>
    {
        if (!Backups.TryGetValue(backupId, out var backup) || backup.VmId != vmId)
        {
            return null;
        }

        var seen = backup.ToEngine();
        Advance(backup);
        return seen;
    });

    public Task<IReadOnlyList<EngineBackup>> ListBackupsAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineBackup>>(nameof(ListBackupsAsync), () => [.. Backups.Values.Where(backup => backup.VmId == vmId).Select(backup => backup.ToEngine())]);

    public Task<IReadOnlyDictionary<Guid, bool?>> ListBackupDisksAsync(Guid vmId, Guid backupId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyDictionary<Guid, bool?>>(nameof(ListBackupDisksAsync), () =>
            Backups[backupId].Start.Disks.ToDictionary(disk => disk, disk => (bool?)(Backups[backupId].Start.FromCheckpointId is not null && IsTracked(vmId, disk))));

    public Task FinalizeBackupAsync(Guid vmId, Guid backupId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(FinalizeBackupAsync), () =>
    {
        var backup = Backups[backupId];
        if (Transfers.Values.Any(transfer => !transfer.IsEnded && backup.Start.Disks.Contains(transfer.DiskId)))
        {
            throw new EngineException(EngineFailure.Locked, "There is an active image transfer for VM backup.");
        }

        if (backup.Phase is EngineBackupPhase.Starting or EngineBackupPhase.Ready)
        {
            backup.Phase = EngineBackupPhase.Finalizing;
        }

        return true;
    });

    public Task<EngineException> ExplainBackupFailureAsync(Guid vmId, Guid backupId, bool consistencyRequired, CancellationToken cancellationToken) =>
        CallAsync(nameof(ExplainBackupFailureAsync), () => Backups[backupId].Failure ?? new EngineException(EngineFailure.Failed, "the backup failed"));

    public Task<IReadOnlyList<EngineCheckpoint>> ListCheckpointsAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineCheckpoint>>(nameof(ListCheckpointsAsync), () => [.. Checkpoints.GetValueOrDefault(vmId, [])]);

    public Task DeleteCheckpointAsync(Guid vmId, Guid checkpointId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(DeleteCheckpointAsync), () =>
        Checkpoints.GetValueOrDefault(vmId, []).RemoveAll(checkpoint => checkpoint.Id == checkpointId));

    // Raw disks are in no checkpoint.
    private bool IsTracked(Guid vmId, Guid diskId) => Vms[vmId].Disks.Any(disk => disk.Id == diskId && disk is { Format: not "raw", IncrementalEnabled: true });

    private DateTimeOffset NextMoment() => DateTimeOffset.UnixEpoch.AddYears(50).AddHours(_moments++);

    private void Advance(FakeBackup backup)
    {
        switch (backup.Phase)
        {
            case EngineBackupPhase.Starting when BackupFailures.TryDequeue(out var failure):
                backup.Failure = failure;
                backup.Phase = EngineBackupPhase.Failed;
                break;
            case EngineBackupPhase.Starting:
                backup.Phase = EngineBackupPhase.Ready;
                backup.ToCheckpointId = Guid.NewGuid();
                Checkpoints.TryAdd(backup.VmId, []);
                Checkpoints[backup.VmId].Add(new EngineCheckpoint(backup.ToCheckpointId.Value, backup.Start.Description, backup.Created, true));
                break;
            case EngineBackupPhase.Finalizing:
                backup.Phase = EngineBackupPhase.Succeeded;
                break;
        }
    }

    private EngineDisk Current(EngineDisk disk) => Disks.TryGetValue(disk.Id, out var now)
        ? now with { Active = disk.Active, Bootable = disk.Bootable, Interface = disk.Interface }
        : disk;

    private Task<T> CallAsync<T>(string name, Func<T> work)
    {
        lock (_turn)
        {
            Calls.Add(name);
            Strike(name, FaultMoment.Before);
            var result = work();
            Strike(name, FaultMoment.After);
            return Task.FromResult(result);
        }
    }

    private void Strike(string name, FaultMoment moment)
    {
        var index = _faults.FindIndex(fault => fault.Call + "Async" == name && fault.Moment == moment);
        if (index >= 0)
        {
            var failure = _faults[index].Failure;
            _faults.RemoveAt(index);
            FaultsFired++;
            throw failure;
        }
    }

    internal sealed class FakeBackup(EngineBackupStart start, DateTimeOffset created)
    {
        public EngineBackupStart Start => start;

        public Guid Id => start.BackupId;

        public Guid VmId => start.VmId;

        public DateTimeOffset Created => created;

        public bool ThroughSnapshot { get; init; }

        public EngineBackupPhase Phase { get; set; } = EngineBackupPhase.Starting;

        public Guid? ToCheckpointId { get; set; }

        public EngineException? Failure { get; set; }

        public EngineBackup ToEngine() => new(Id, Phase, start.Description, ToCheckpointId, created, ThroughSnapshot);
    }
}
