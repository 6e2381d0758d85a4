// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>
/// Detaches the VM's disks and attaches the restored ones, which are complete and verified by now. The old ones stay on the manager until all is
/// done. A disk that was written in place goes back where it was. What was done already is left as it is.
/// </summary>
internal sealed class SwitchDisksStep(IEngineDirectory engines) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.SwitchingDisks;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var (job, details) = (context.Job, context.Job.Restore!);
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var vm = await engine.FindVmAsync(details.NewVmId!.Value, cancellationToken);
        switch (vm?.Status)
        {
            case null:
                return StepResult.Fail($"VM {details.NewName} ({details.NewVmId}) was deleted while its disks were being restored.");
            case "image_locked":
                throw new EngineException(EngineFailure.Locked, $"VM {details.NewName} is locked by the manager.");
            case not "down":
                return StepResult.Fail($"VM {details.NewName} was started while its disks were being restored ({vm.Status}): its disks were left as they are. Keep it off and restore again.");
        }

        foreach (var old in details.Replaced.Where(old => job.Tasks.All(task => task.TargetDiskId != old.DiskId) && vm.Disks.Any(disk => disk.Id == old.DiskId)))
        {
            await engine.DetachDiskAsync(vm.Id, old.DiskId, job.Id, cancellationToken);
            context.Info($"disk {old.Alias} ({old.DiskId}) is detached");
        }

        foreach (var task in job.Tasks.Where(task => vm.Disks.All(disk => disk.Id != task.TargetDiskId)))
        {
            var slot = new EngineDiskSlot(task.Plan!.Interface, task.Plan.Bootable, task.Plan.Active);
            await engine.AttachDiskAsync(vm.Id, task.TargetDiskId!.Value, slot, job.Id, cancellationToken);
            context.Info($"disk {task.DiskAlias} ({task.TargetDiskId}) is attached");
        }

        return StepResult.Next(JobEvent.DisksSwitched);
    }
}
