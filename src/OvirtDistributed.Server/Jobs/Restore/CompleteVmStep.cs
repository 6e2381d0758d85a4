// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Joins NICs and restored disks to the VM. What is there already is left as it is.</summary>
internal sealed class CompleteVmStep(IEngineDirectory engines) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.CompletingVm;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Restore!;
        var vmId = details.NewVmId ?? throw new InvalidOperationException($"Job {job.Id} completes a VM it never created.");
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var vm = await engine.FindVmAsync(vmId, cancellationToken);
        if (vm is null)
        {
            return StepResult.Fail($"The new VM {details.NewName} ({vmId}) was deleted while it was being completed.");
        }

        if (vm.Status == "image_locked")
        {
            throw new EngineException(EngineFailure.Locked, $"VM {details.NewName} is locked by the manager.");
        }

        foreach (var nic in details.NicPlan.Where(plan => vm.Nics.All(existing => existing.Name != plan.Name)))
        {
            await engine.AddNicAsync(vmId, NicOf(nic), job.Id, cancellationToken);
        }

        // An imported VM has its disks.
        foreach (var task in job.Tasks.Where(task => details.Export is null && vm.Disks.All(existing => existing.Id != task.TargetDiskId)))
        {
            await engine.AttachDiskAsync(vmId, task.TargetDiskId!.Value, SlotOf(task.Plan!, vm, details), job.Id, cancellationToken);
        }

        return StepResult.Next(JobEvent.VmCompleted);
    }

    /// <summary>A VM that was started since the plan was made gets its disk unplugged unless the operator asked for more.</summary>
    private static EngineDiskSlot SlotOf(RestoreDiskPlan plan, EngineVm vm, RestoreDetails details) =>
        new(plan.Interface, plan.Bootable, details.Scope == RestoreScope.Disk ? vm.Status == "down" || details.Activate : plan.Active);

    private static EngineNic NicOf(RestoreNicPlan plan) => new()
    {
        Name = plan.Name,
        Interface = plan.Interface,
        Mac = plan.Mac,
        VnicProfileId = plan.VnicProfileId,
        Plugged = plan.Plugged,
        Linked = plan.Linked,
    };
}
