// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Leases;
using Xunit;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>Plays the worker of a job's commands.</summary>
internal static class CommandDriver
{
    public static async Task<CommandTask?> FindAsync(TestSite site, Guid job, CommandPhase phase)
    {
        await using var context = site.Database();
        return await context.Set<CommandTask>().AsNoTracking().FirstOrDefaultAsync(task => task.JobId == job && task.Phase == phase, TestSite.Token);
    }

    public static async Task<CommandTask> TaskAsync(TestSite site, Guid job, CommandPhase phase)
    {
        if (await FindAsync(site, job, phase) is { } task)
        {
            return task;
        }

        await site.StepAsync(job);
        return (await FindAsync(site, job, phase))!;
    }

    /// <summary>What a worker does that takes the offer: lease, then order.</summary>
    public static async Task<(LeaseClaim Claim, TaskOrder Order)> OrderAsync(TestSite site, Guid job, CommandPhase phase)
    {
        var task = await TaskAsync(site, job, phase);
        var grant = await site.Get<TaskLeases>().AcquireAsync(TestSite.WorkerId, task.Id, task.Attempt, TestSite.Token);
        Assert.True(grant.Granted, grant.Refusal);
        var claim = new LeaseClaim(TestSite.WorkerId, task.Id, task.Attempt, grant.FencingToken);
        Assert.True(await site.Get<CommandOrders>().IsCommandAsync(task.Id, TestSite.Token));
        return (claim, (await site.Get<CommandOrders>().FindAsync(claim, TestSite.Token))!);
    }

    public static async Task EndAsync(TestSite site, LeaseClaim claim, int exitCode)
    {
        var result = new CommandResult(exitCode, TimedOut: false, "all is well", OutputCut: false);
        Assert.True(await site.Get<TaskLeases>().ReportCommandAsync(claim, result, TestSite.Token));
        Assert.True(await site.Get<TaskLeases>().ReportCommandAsync(claim, result, TestSite.Token)); // the answer was lost
    }

    public static async Task<List<string>> LogAsync(TestSite site, Guid job, string part)
    {
        await using var context = site.Database();
        return await context.JobLog.Where(line => line.JobId == job && line.Message.Contains(part)).Select(line => line.Message).ToListAsync(TestSite.Token);
    }
}
