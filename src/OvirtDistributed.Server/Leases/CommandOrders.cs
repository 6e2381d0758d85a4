// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Leases;

/// <summary>The orders of tasks that are commands.</summary>
internal sealed class CommandOrders(IDbContextFactory<ServerDbContext> contexts, TaskLeases leases, PasswordSeal seal)
{
    /// <summary>Whether the task is a command.</summary>
    public async Task<bool> IsCommandAsync(Guid taskId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<CommandTask>().AnyAsync(task => task.Id == taskId, cancellationToken);
    }

    /// <returns>Null when the lease is not (any more) the caller's.</returns>
    public async Task<TaskOrder?> FindAsync(LeaseClaim claim, CancellationToken cancellationToken)
    {
        if (!await leases.IsHeldAsync(claim, cancellationToken))
        {
            return null;
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var task = await context.Set<CommandTask>().AsNoTracking().FirstAsync(row => row.Id == claim.TaskId, cancellationToken);
        var job = await context.Jobs.AsNoTracking().FirstAsync(row => row.Id == task.JobId, cancellationToken);
        var commands = job.Backup!.Commands!;
        var command = commands.Of(task.Phase)!;
        return new TaskOrder
        {
            JobId = job.Id.ToString("D"),
            TaskId = task.Id.ToString("D"),
            Attempt = claim.Attempt,
            FencingToken = claim.FencingToken,
            VmName = job.VmName,
            Command = new CommandOrder
            {
                Name = commands.Guest is null ? command.Name : "",
                Arguments = { command.Arguments },
                TimeLimit = commands.TimeLimit.ToDuration(),
                VmId = job.VmId.ToString("D"),
                Phase = task.Phase == CommandPhase.Pre ? "pre" : "post",
                Result = task.Phase == CommandPhase.Pre ? "" : ResultOf(job),
                Guest = commands.Guest is { } guest ? ProgramOf(job, guest, command.Name) : null,
            },
        };
    }

    private GuestProgram ProgramOf(Job job, GuestAccess guest, string program) => new()
    {
        Program = program,
        Address = guest.KnownAddress(),
        Port = guest.Port,
        User = guest.User,
        PrivateKey = seal.Open(job.Id, guest.SealedKey),
        KnownHosts = guest.KnownHosts,
    };

    private static string ResultOf(Job job) => job switch
    {
        { State: JobState.RunningPostCommand } => "taken",
        { CancelRequested: true } => "cancelled",
        _ => "failed",
    };
}
