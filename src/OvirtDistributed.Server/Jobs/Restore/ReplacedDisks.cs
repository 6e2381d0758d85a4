// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Deletes the disks that a VM had before it was overwritten.</summary>
internal static class ReplacedDisks
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>One look at each: only after the VM has its new ones and they count as the operator's.</summary>
    /// <returns>False while the manager deletes.</returns>
    public static async Task<bool> RemoveAsync(StepContext context, IEngine engine, CancellationToken cancellationToken)
    {
        var (job, details) = (context.Job, context.Job.Restore!);
        if (details.Replaced.Count == 0 || details.Scope != RestoreScope.Overwrite)
        {
            return true;
        }

        var attached = (await engine.ListAttachmentsAsync(details.NewVmId!.Value, cancellationToken)).Select(attachment => attachment.DiskId).ToHashSet();
        var open = 0;
        foreach (var old in details.Replaced)
        {
            if (await engine.FindDiskAsync(old.DiskId, cancellationToken) is not { } disk)
            {
                continue;
            }

            var reason = attached.Contains(old.DiskId) ? "it is attached to the VM again" : context.InStep > Patience ? "the manager still has it" : null;
            try
            {
                if (reason is null && disk.Status != "locked")
                {
                    await engine.DeleteDiskAsync(disk.Id, job.Id, cancellationToken);
                }
            }
            catch (EngineException failure) when (!failure.IsPassing)
            {
                reason = failure.Message;
            }

            if (reason is null)
            {
                open++;
            }
            else
            {
                job.Warn($"The old disk {old.Alias} ({old.DiskId}) was not deleted: {reason.TrimEnd('.')}. Delete it by hand when it is not needed.");
            }
        }

        return open == 0;
    }
}
