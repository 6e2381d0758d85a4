// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine.Commands;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>All commands over one engine.</summary>
internal sealed class EngineCommands
{
    public EngineCommands(EngineContext engine)
    {
        Engine = engine;
        Disks = new DiskCommands(engine);
        Attachments = new AttachmentCommands(engine, Disks);
        Vms = new VmCommands(engine, Disks);
        Power = new PowerCommands(engine);
        Snapshots = new SnapshotCommands(engine, Disks, Vms);
        Backups = new BackupCommands(engine, Snapshots, Vms);
        Transfers = new TransferCommands(engine, Disks);
        Domains = new StorageDomainCommands(engine);
        Exports = new ExportCommands(engine, Disks, Vms);
    }

    public EngineContext Engine { get; }

    public EngineState State => Engine.State;

    public DiskCommands Disks { get; }

    public AttachmentCommands Attachments { get; }

    public VmCommands Vms { get; }

    public PowerCommands Power { get; }

    public SnapshotCommands Snapshots { get; }

    public BackupCommands Backups { get; }

    public TransferCommands Transfers { get; }

    public StorageDomainCommands Domains { get; }

    public ExportCommands Exports { get; }

    /// <summary>Drops ended transfers and backups whose time is over. Called with the gate held, before each request.</summary>
    public void Purge()
    {
        var now = Engine.Now;
        var pace = Engine.Options.Pace;
        foreach (var transfer in State.Transfers.Values.Where(t => t.Finished).ToList())
        {
            var keep = !Engine.Level.KeepsEnded ? TimeSpan.Zero : transfer.Phase == Entities.TransferPhase.FinishedSuccess ? pace.KeepSucceeded : pace.KeepFailed;
            if (transfer.EndedAt + keep < now)
            {
                State.Transfers.Remove(transfer.Id);
            }
        }

        foreach (var vm in State.Vms.Values)
        {
            vm.Backups.RemoveAll(b => b.Ended
                && b.ModificationDate + (b.Phase == Entities.BackupPhase.Succeeded ? pace.KeepSucceeded : pace.KeepFailed) < now);
        }

        // SucceededJobCleanupTimeInMinutes and FailedJobCleanupTimeInMinutes.
        foreach (var job in State.Jobs.Values.Where(j => j.EndTime is not null).ToList())
        {
            if (job.EndTime + TimeSpan.FromMinutes(job.Status == "finished" ? 10 : 60) < now)
            {
                State.Jobs.Remove(job.Id);
            }
        }
    }
}
