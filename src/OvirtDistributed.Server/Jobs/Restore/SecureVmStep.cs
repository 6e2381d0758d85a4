// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Jobs.Backup;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Has the VM that is to be overwritten backed up as it is, by a job of its own, and waits for it.</summary>
internal sealed class SecureVmStep(JobAdmission jobs, JobSignal signal, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.SecuringVm;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var (job, details) = (context.Job, context.Job.Restore!);
        var vmId = details.NewVmId!.Value;
        if (details.SafetyJobId is not { } safetyId)
        {
            // The manager allows one backup of a VM at a time, and one that began earlier does not show the VM as it is now.
            if (await context.Database.Jobs.AnyAsync(
                row => row.Kind == JobKind.Backup && row.Outcome == JobOutcome.Running && row.ManagerId == job.ManagerId && row.VmId == vmId, cancellationToken))
            {
                return StepResult.WaitFor(options.PollInterval);
            }

            // Without a snapshot that would stay: the manager does not let go of disks that have one.
            var safety = jobs.NewJob(JobKind.Backup, job.ManagerId, vmId, details.NewName, job.RepositoryId, details.ClusterId, row => row.Backup = new BackupDetails
            {
                Compression = "default",
                RequestedMode = TransportModes.Auto,
                DropSnapshot = true,
                PoweredOffHard = details.PoweredOff,
            });
            context.Database.Jobs.Add(safety);
            job.Restore = details with { SafetyJobId = safety.Id };
            context.Info($"VM {details.NewName} is backed up as it is by job {safety.Id}");
            signal.Wake(safety.Id);
            return StepResult.WaitFor(options.PollInterval);
        }

        var backup = await context.Database.Jobs.AsNoTracking().FirstOrDefaultAsync(row => row.Id == safetyId, cancellationToken);
        switch (backup?.Outcome)
        {
            case JobOutcome.Running:
                return StepResult.WaitFor(options.PollInterval);
            case JobOutcome.Succeeded or JobOutcome.Warning:
                job.Restore = details with { Secured = true };
                job.Note($"VM {details.NewName} as it was before is restore point {backup.PointId}{(details.PoweredOff ? ", crash-consistent: it was powered off hard" : "")}");
                return StepResult.Next(JobEvent.VmSecured);
            default:
                return StepResult.Fail(
                    $"The safety point could not be made (job {safetyId}: {backup?.Message ?? "it is gone"}), so VM {details.NewName} was left as it is. Remove the cause, or do without one (--no-safety-point).");
        }
    }
}
