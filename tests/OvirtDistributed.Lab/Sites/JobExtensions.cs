// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Lab.Sites;

/// <summary>Starts jobs through the admin API and waits for them.</summary>
public static class JobExtensions
{
    /// <summary>Starts a backup of one VM and answers the job at once.</summary>
    public static async Task<Job> StartBackupAsync(this LabSite site, string vm, bool full, CancellationToken cancellationToken)
    {
        var reply = await site.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { vm }, Repository = LabSite.RepositoryName, Full = full, RequestId = Guid.NewGuid().ToString() }, cancellationToken: cancellationToken);
        return reply.Jobs.Single();
    }

    /// <summary>Starts a restore of a whole VM and answers the job at once.</summary>
    public static async Task<Job> StartRestoreAsync(this LabSite site, RestoreVmRequest request, CancellationToken cancellationToken)
    {
        var reply = await site.Admin.Jobs.RestoreVmAsync(request, cancellationToken: cancellationToken);
        return reply.Job;
    }

    /// <summary>Waits until the job has ended, also over restarts of the server; answers its last state, whatever the outcome.</summary>
    public static Task<Job> WaitForEndAsync(this LabSite site, string jobId, CancellationToken cancellationToken) =>
        site.WaitForAsync(jobId, HasEnded, cancellationToken);

    /// <summary>Waits until a state of the job satisfies <paramref name="wanted"/>.</summary>
    /// <exception cref="InvalidOperationException">The job ended without ever satisfying it.</exception>
    public static async Task<Job> WaitForAsync(this LabSite site, string jobId, Func<Job, bool> wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                using var watch = site.Admin.Jobs.WatchJob(new WatchJobRequest { Id = jobId }, cancellationToken: cancellationToken);
                await foreach (var update in watch.ResponseStream.ReadAllAsync(cancellationToken))
                {
                    if (wanted(update.Job))
                    {
                        return update.Job;
                    }

                    if (HasEnded(update.Job))
                    {
                        throw new InvalidOperationException($"Job {jobId} ended as {update.Job.Outcome} ({update.Job.Message}) before what was waited for.");
                    }
                }
            }
            catch (RpcException failure) when (failure.StatusCode is StatusCode.Unavailable or StatusCode.Internal)
            {
                // The server is restarting: ask again.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellationToken);
        }
    }

    public static bool HasEnded(Job job) => job.Outcome is not (JobOutcome.Unspecified or JobOutcome.Running);
}
