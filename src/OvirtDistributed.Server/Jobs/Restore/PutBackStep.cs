// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>The switch failed: the restored disks leave the VM and it gets its own back, as they were joined to it. None of its own is ever deleted on this way.</summary>
internal sealed class PutBackStep(IEngineDirectory engines, ServerOptions options) : IJobStep
{
    // A VM without its disks is worth more than one try: the manager may be at work on one of them, and holds the boot disk's place until the restored one has left.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

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

        var reason = "";
        foreach (var task in job.Tasks.Where(task => task.Plan?.InPlaceDiskId is null && vm.Disks.Any(disk => disk.Id == task.TargetDiskId)))
        {
            reason = await TryAsync(() => engine.DetachDiskAsync(vm.Id, task.TargetDiskId!.Value, job.Id, cancellationToken)) ?? reason;
        }

        var missing = new List<ReplacedDisk>();
        foreach (var old in details.Replaced.Where(old => vm.Disks.All(disk => disk.Id != old.DiskId)))
        {
            var slot = new EngineDiskSlot(old.Interface, old.Bootable, old.Active);
            if (await TryAsync(() => engine.AttachDiskAsync(vm.Id, old.DiskId, slot, job.Id, cancellationToken)) is { } refused)
            {
                missing.Add(old);
                reason = refused;
                continue;
            }

            context.Info($"disk {old.Alias} ({old.DiskId}) is back in its place");
        }

        if (missing.Count == 0)
        {
            return StepResult.Next(JobEvent.DisksPutBack);
        }

        return context.InStep < Patience
            ? StepResult.WaitFor(options.PollInterval)
            : StepResult.Fail($"{Names(missing)} could not be put back into VM {details.NewName} ({reason}): attach them by hand, nothing of them is lost.");
    }

    /// <summary>Each disk is tried whatever became of the one before it.</summary>
    /// <returns>Why the manager refused; null when it did not.</returns>
    private static async Task<string?> TryAsync(Func<Task> call)
    {
        try
        {
            await call();
            return null;
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            return failure.Message;
        }
    }

    private static string Names(IReadOnlyList<ReplacedDisk> disks) => string.Join(", ", disks.Select(disk => $"{disk.Alias} ({disk.DiskId})"));
}
