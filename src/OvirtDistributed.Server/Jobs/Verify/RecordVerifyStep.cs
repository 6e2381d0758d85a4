// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Catalog;

namespace OvirtDistributed.Server.Jobs.Verify;

/// <summary>Writes down what the workers found: retention does not live from a damaged point.</summary>
internal sealed class RecordVerifyStep : IJobStep
{
    public JobKind Kind => JobKind.Verify;

    public JobState State => JobState.Recording;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var damaged = job.Tasks.Where(task => task.Damage.Length > 0).OrderBy(task => task.DiskAlias, StringComparer.Ordinal).ToList();
        var damage = string.Join("; ", damaged.Select(task => $"disk {task.DiskAlias}: {task.Damage}"));
        await PointVerification.RecordAsync(context.Database, job, damage, context.Now, cancellationToken);
        foreach (var task in damaged)
        {
            context.Error($"disk {task.DiskAlias}: {task.Damage}", task.Id);
            job.Warn($"Disk {task.DiskAlias} is damaged: {task.Damage} {(job.Verify!.Repair ? "No copy in another repository could repair all of it; the" : "A copy of the point in another repository may repair it (ovd point verify --content --repair); the")} next backup of the VM sends again what the guest has not changed since.");
        }

        return StepResult.Next(JobEvent.Recorded);
    }
}
