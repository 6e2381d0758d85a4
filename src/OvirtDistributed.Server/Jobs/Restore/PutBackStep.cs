// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>The switch failed: the restored disks leave the VM and it gets its own back, as they were joined to it. None of its own is ever deleted on this way.</summary>
internal sealed class PutBackStep(IEngineDirectory engines) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.PuttingBack;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var (job, details) = (context.Job, context.Job.Restore!);
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        if (await engine.FindVmAsync(details.NewVmId!.Value, cancellationToken) is not { } vm)
        {
            return StepResult.Fail($"VM {details.NewName} is gone; its disks {Names(details.Replaced)} are on the manager still.");
        }

        foreach (var task in job.Tasks.Where(task => vm.Disks.Any(disk => disk.Id == task.TargetDiskId)))
        {
            await engine.DetachDiskAsync(vm.Id, task.TargetDiskId!.Value, job.Id, cancellationToken);
        }

        var failed = new List<ReplacedDisk>();
        var reason = "";
        foreach (var old in details.Replaced.Where(old => vm.Disks.All(disk => disk.Id != old.DiskId)))
        {
            try
            {
                await engine.AttachDiskAsync(vm.Id, old.DiskId, new EngineDiskSlot(old.Interface, old.Bootable, old.Active), job.Id, cancellationToken);
                context.Info($"disk {old.Alias} ({old.DiskId}) is back in its place");
            }
            catch (EngineException failure) when (!failure.IsPassing)
            {
                failed.Add(old);
                reason = failure.Message;
            }
        }

        return failed.Count == 0
            ? StepResult.Next(JobEvent.DisksPutBack)
            : StepResult.Fail($"{Names(failed)} could not be put back into VM {details.NewName} ({reason}): attach them by hand, nothing of them is lost.");
    }

    private static string Names(IReadOnlyList<ReplacedDisk> disks) => string.Join(", ", disks.Select(disk => $"{disk.Alias} ({disk.DiskId})"));
}
