// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup.Commands;

namespace OvirtDistributed.Server.Leases;

/// <summary>
/// Who works on which attempt. Every change is one SQL statement that names the state it expects, so that of two callers one wins.
/// The fencing token of a task only grows.
/// </summary>
internal sealed class TaskLeases(IDbContextFactory<ServerDbContext> contexts, TimeProvider time, ServerOptions options)
{
    /// <summary>Takes the lease of an attempt. The holder gets the same answer again.</summary>
    public async Task<LeaseGrant> AcquireAsync(string workerId, Guid taskId, int attempt, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var now = time.GetUtcNow();
        var until = now + options.LeaseDuration;
        var taken = await context.Database.SqlQuery<long>($"""
            WITH taken AS (
                UPDATE tasks SET state = 'Leased', worker_id = {workerId}, fencing_token = fencing_token + 1, lease_until = {until},
                    progress_sequence = 0, started = coalesce(tasks.started, {now}), message = ''
                FROM jobs
                WHERE tasks.id = {taskId} AND tasks.attempt = {attempt} AND tasks.state = 'Offered'
                    AND jobs.id = tasks.job_id AND CASE tasks.kind
                        WHEN 'Disk' THEN jobs.state = 'Copying' AND NOT jobs.cancel_requested
                        WHEN 'Command' THEN jobs.state IN ('RunningPreCommand', 'RunningPostCommand', 'ReleasingGuest') END
                RETURNING tasks.id, tasks.attempt, tasks.fencing_token)
            INSERT INTO attempts (task_id, number, worker_id, fencing_token, state, started, statistics, message)
            SELECT id, attempt, {workerId}, fencing_token, 'Running', {now}, jsonb_build_object(), '' FROM taken
            RETURNING fencing_token AS "Value"
            """).ToListAsync(cancellationToken);
        if (taken.Count == 0)
        {
            return await AnswerHolderOrRefuseAsync(context, workerId, taskId, attempt, until, cancellationToken);
        }

        var job = await JobOfAsync(context, taskId, cancellationToken);
        return new LeaseGrant(true, taken[0], job.Id, job.TraceParent, "");
    }

    /// <summary>Renews a lease and stores progress when its sequence has grown.</summary>
    public async Task<LeaseRenewal> RenewAsync(LeaseClaim claim, long sequence, TaskStatistics statistics, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var until = time.GetUtcNow() + options.LeaseDuration;
        var document = JsonSerializer.Serialize(statistics, JsonColumn.Options);
        var renewed = await context.Database.SqlQuery<bool>($"""
            UPDATE tasks SET lease_until = {until},
                statistics = CASE WHEN progress_sequence < {sequence} THEN {document}::jsonb ELSE tasks.statistics END,
                progress_sequence = greatest(progress_sequence, {sequence})
            FROM jobs
            WHERE tasks.id = {claim.TaskId} AND tasks.attempt = {claim.Attempt} AND tasks.worker_id = {claim.WorkerId}
                AND tasks.fencing_token = {claim.FencingToken} AND tasks.state = 'Leased' AND jobs.id = tasks.job_id
            RETURNING CASE
                WHEN tasks.kind = 'Disk' THEN jobs.cancel_requested OR jobs.state <> 'Copying'
                WHEN tasks.phase = 'Pre' THEN jobs.cancel_requested OR jobs.state <> 'RunningPreCommand'
                ELSE false END AS "Value"
            """).ToListAsync(cancellationToken);
        return renewed switch
        {
            [] => LeaseRenewal.Lost,
            [true, ..] => LeaseRenewal.Cancel,
            _ => LeaseRenewal.Renewed,
        };
    }

    public async Task<bool> IsHeldAsync(LeaseClaim claim, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await Held<JobTask>(context, claim).AnyAsync(cancellationToken);
    }

    /// <summary>The worker finished its part; what belongs to the attempt on the engine is finished by the job. Idempotent.</summary>
    /// <returns>False when the attempt is no longer this worker's.</returns>
    public async Task<bool> ReportSuccessAsync(LeaseClaim claim, TaskResult result, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        var statistics = result.Statistics;
        var changed = await Held<DiskTask>(context, claim).ExecuteUpdateAsync(set => set
            .SetProperty(task => task.State, TaskState.Closing)
            .SetProperty(task => task.RootDigest, result.RootDigest)
            .SetProperty(task => task.RootLevels, result.RootLevels)
            .SetProperty(task => task.RootSizeBytes, result.RootSizeBytes)
            .SetProperty(task => task.StoredBytes, result.StoredBytes)
            .SetProperty(task => task.Checksum, result.Checksum)
            .SetProperty(task => task.Damage, result.Damage)
            .SetProperty(task => task.Rescue, result.Rescue)
            .SetProperty(task => task.Statistics, statistics)
            .SetProperty(task => task.LeaseUntil, (DateTimeOffset?)null), cancellationToken);
        if (changed == 0)
        {
            return await context.Tasks.AnyAsync(
                task => task.Id == claim.TaskId && task.Attempt == claim.Attempt && task.FencingToken == claim.FencingToken
                    && (task.State == TaskState.Closing || task.State == TaskState.Done),
                cancellationToken);
        }

        await EndAttemptAsync(context, claim, AttemptState.Succeeded, null, "", statistics, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    /// <summary>A command ran to its end, whatever its exit code. Idempotent.</summary>
    /// <returns>False when the attempt is no longer this worker's.</returns>
    public async Task<bool> ReportCommandAsync(LeaseClaim claim, CommandResult result, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        var now = time.GetUtcNow();
        var changed = await Held<CommandTask>(context, claim).ExecuteUpdateAsync(set => set
            .SetProperty(task => task.State, TaskState.Done)
            .SetProperty(task => task.Result, result)
            .SetProperty(task => task.Ended, now)
            .SetProperty(task => task.LeaseUntil, (DateTimeOffset?)null), cancellationToken);
        if (changed == 0)
        {
            return await context.Set<CommandTask>().AnyAsync(
                task => task.Id == claim.TaskId && task.Attempt == claim.Attempt && task.FencingToken == claim.FencingToken && task.State == TaskState.Done,
                cancellationToken);
        }

        await EndAttemptAsync(context, claim, AttemptState.Succeeded, null, "", TaskStatistics.Empty, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    /// <summary>The worker gave up; the job closes the old path and decides about another attempt. Idempotent.</summary>
    /// <param name="claim">The lease.</param>
    /// <param name="failureCode">Name of the worker's failure code.</param>
    /// <param name="message">For the operator.</param>
    /// <param name="statistics">How far it came.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False when the attempt is no longer this worker's.</returns>
    public async Task<bool> ReportFailureAsync(
        LeaseClaim claim, string failureCode, string message, TaskStatistics statistics, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        var changed = await Held<JobTask>(context, claim).ExecuteUpdateAsync(set => set
            .SetProperty(task => task.State, TaskState.Recovering)
            .SetProperty(task => task.Message, message)
            .SetProperty(task => task.LeaseUntil, (DateTimeOffset?)null), cancellationToken);
        if (changed == 0)
        {
            return await context.Attempts.AnyAsync(
                attempt => attempt.TaskId == claim.TaskId && attempt.Number == claim.Attempt && attempt.FencingToken == claim.FencingToken
                    && attempt.State == AttemptState.Failed,
                cancellationToken);
        }

        await EndAttemptAsync(context, claim, AttemptState.Failed, failureCode, message, statistics, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    public async Task<Guid?> JobOfAsync(Guid taskId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<JobTask>().Where(task => task.Id == taskId).Select(task => (Guid?)task.JobId).FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>Ends the leases of a job that nobody renewed in time; their tasks then recover.</summary>
    /// <returns>How many were lost.</returns>
    public async Task<int> ExpireAsync(Guid jobId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var now = time.GetUtcNow();
        var deadline = now - options.LeaseGrace;
        return await context.Database.ExecuteSqlAsync($"""
            WITH lost AS (
                UPDATE tasks SET state = 'Recovering', lease_until = NULL, message = 'worker ' || coalesce((SELECT name FROM workers WHERE workers.id = worker_id), worker_id) || ' was not heard of in time'
                WHERE job_id = {jobId} AND state = 'Leased' AND lease_until < {deadline}
                RETURNING id, attempt)
            UPDATE attempts SET state = 'Lost', ended = {now}, message = 'not heard of in time'
            FROM lost WHERE attempts.task_id = lost.id AND attempts.number = lost.attempt
            """, cancellationToken);
    }

    /// <summary>
    /// Gives every lease the time back during which no server was there to renew it, and at least a whole one from now on: workers have to find the
    /// server again before they can renew.
    /// </summary>
    public async Task<int> ExtendAllAsync(TimeSpan downtime, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var whole = time.GetUtcNow() + options.LeaseDuration;
        return await context.Database.ExecuteSqlAsync(
            $"UPDATE tasks SET lease_until = GREATEST(lease_until + {downtime}, {whole}) WHERE state = 'Leased'", cancellationToken);
    }

    private static IQueryable<T> Held<T>(ServerDbContext context, LeaseClaim claim)
        where T : JobTask => context.Set<T>().Where(task => task.Id == claim.TaskId && task.Attempt == claim.Attempt && task.WorkerId == claim.WorkerId
            && task.FencingToken == claim.FencingToken && task.State == TaskState.Leased);

    private static Task<Job> JobOfAsync(ServerDbContext context, Guid taskId, CancellationToken cancellationToken) =>
        context.Jobs.AsNoTracking().FirstAsync(job => context.Set<JobTask>().Any(task => task.Id == taskId && task.JobId == job.Id), cancellationToken);

    private static async Task<LeaseGrant> AnswerHolderOrRefuseAsync(
        ServerDbContext context, string workerId, Guid taskId, int attempt, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var renewed = await context.Set<JobTask>()
            .Where(task => task.Id == taskId && task.Attempt == attempt && task.WorkerId == workerId && task.State == TaskState.Leased)
            .ExecuteUpdateAsync(set => set.SetProperty(task => task.LeaseUntil, until), cancellationToken);
        var found = await context.Set<JobTask>().AsNoTracking().FirstOrDefaultAsync(task => task.Id == taskId, cancellationToken);
        if (found is null)
        {
            return LeaseGrant.Refused("the task does not exist (any more)");
        }

        if (renewed == 1)
        {
            var job = await JobOfAsync(context, taskId, cancellationToken);
            return new LeaseGrant(true, found.FencingToken, job.Id, job.TraceParent, "");
        }

        return found.Attempt != attempt
            ? LeaseGrant.Refused($"attempt {attempt} is over, the task is at attempt {found.Attempt}")
            : LeaseGrant.Refused(found.State == TaskState.Offered ? "the job does not run tasks now" : $"the task is {found.State}");
    }

    private async Task EndAttemptAsync(
        ServerDbContext context, LeaseClaim claim, AttemptState state, string? failureCode, string message, TaskStatistics statistics,
        CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await context.Attempts.Where(attempt => attempt.TaskId == claim.TaskId && attempt.Number == claim.Attempt)
            .ExecuteUpdateAsync(set => set
                .SetProperty(attempt => attempt.State, state)
                .SetProperty(attempt => attempt.Ended, now)
                .SetProperty(attempt => attempt.FailureCode, failureCode)
                .SetProperty(attempt => attempt.Message, message)
                .SetProperty(attempt => attempt.Statistics, statistics), cancellationToken);
    }
}
