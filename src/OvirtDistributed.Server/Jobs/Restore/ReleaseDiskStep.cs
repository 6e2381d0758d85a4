// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>
/// Before a disk is written in place: no backup may count changes from a checkpoint any more, since what is written past the manager shows in none,
/// and the VM lets go of the disk, so that nobody starts it meanwhile. The ledger has the disk put back, whatever happens.
/// </summary>
internal sealed class ReleaseDiskStep(IEngineDirectory engines, EngineLedger ledger, TaskSettlement settlement, Installation installation, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.ReleasingDisk;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var (job, details) = (context.Job, context.Job.Restore!);
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var (vmId, disk) = (details.NewVmId!.Value, details.Replaced.Single());
        if (!await VmCheckpoints.DropAsync(context, engine, vmId, installation, cancellationToken))
        {
            return context.InStep < options.FinalizePatience
                ? StepResult.WaitFor(options.PollInterval)
                : StepResult.Fail($"The manager does not delete the checkpoints of VM {details.NewName}, which would be wrong afterwards: its disk was left as it is.");
        }

        if (await engine.FindVmAsync(vmId, cancellationToken) is not { Status: "down" } vm)
        {
            return StepResult.Fail($"VM {details.NewName} was started or deleted meanwhile: its disk was left as it is. Keep it off and restore again.");
        }

        var entry = await ledger.OpenAsync(LedgerKind.Detachment, LedgerOwner.OfJob(job.ManagerId, job.Id), disk.DiskId, vmId, cancellationToken);
        if (vm.Disks.Any(own => own.Id == disk.DiskId))
        {
            await engine.DetachDiskAsync(vmId, disk.DiskId, entry.Id, cancellationToken);
            context.Info($"disk {disk.Alias} ({disk.DiskId}) is detached from VM {vm.Name} while it is written");
        }

        await ledger.ConfirmAsync(entry, vmId, cancellationToken);
        foreach (var task in job.Tasks)
        {
            settlement.Offer(context, task);
        }

        return StepResult.Next(JobEvent.DiskReleased);
    }
}
