// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

/// <summary>Reads jobs for the admin API.</summary>
internal sealed class JobQueries(IDbContextFactory<ServerDbContext> contexts, TimeProvider time)
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 1000;

    public async Task<IReadOnlyList<Wire.Job>> ListAsync(int limit, bool runningOnly, string vm, CancellationToken cancellationToken)
    {
        if (limit is < 0 or > MaxLimit)
        {
            throw OperatorException.Invalid("limit", limit.ToString(), $"use 1 to {MaxLimit}, or 0 for {DefaultLimit}.");
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var vmId = Guid.TryParse(vm, out var id) ? id : Guid.Empty;
        var jobs = await context.Jobs.AsNoTracking().Include(job => job.Tasks)
            .Where(job => (!runningOnly || job.Outcome == JobOutcome.Running) && (vm == "" || job.VmId == vmId || EF.Functions.ILike(job.VmName, Escaped(vm), "\\")))
            .OrderByDescending(job => job.Created)
            .Take(limit == 0 ? DefaultLimit : limit)
            .ToListAsync(cancellationToken);
        return await ToWireAsync(context, jobs, cancellationToken);
    }

    public async Task<Wire.Job> GetAsync(Guid id, CancellationToken cancellationToken) => (await GetAsync([id], cancellationToken))[0];

    public async Task<IReadOnlyList<Wire.Job>> GetAsync(IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var jobs = await context.Jobs.AsNoTracking().Include(job => job.Tasks).Where(job => ids.Contains(job.Id)).ToListAsync(cancellationToken);
        return await ToWireAsync(context, [.. jobs.OrderBy(job => ids.ToList().IndexOf(job.Id))], cancellationToken);
    }

    /// <summary>The job whose id begins with the text.</summary>
    /// <exception cref="OperatorException">None, or several.</exception>
    public async Task<Guid> ResolveAsync(string text, CancellationToken cancellationToken)
    {
        var hex = text.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
        if (hex.Length is 0 or > 32 || !hex.All(char.IsAsciiHexDigitLower))
        {
            throw OperatorException.Invalid("id", text, "write the id of a job, or its first characters (ovd job list).");
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var pattern = hex + "%";
        var found = await context.Database
            .SqlQuery<Guid>($"""SELECT id AS "Value" FROM jobs WHERE replace(id::text, '-', '') LIKE {pattern} LIMIT 20""")
            .ToListAsync(cancellationToken);
        return NameLookup.ResolvePrefix(found, "id", "job", text, id => id.ToString("D"));
    }

    public async Task<IReadOnlyList<JobLogLine>> ListLogAsync(Guid jobId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.JobLog.AsNoTracking().Where(line => line.JobId == jobId).OrderBy(line => line.Id).ToListAsync(cancellationToken);
    }

    /// <summary>Marks a running job to be cancelled; true when it runs.</summary>
    public async Task<bool> RequestCancelAsync(Guid jobId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Jobs.Where(job => job.Id == jobId && job.Outcome == JobOutcome.Running)
            .ExecuteUpdateAsync(set => set.SetProperty(job => job.CancelRequested, true), cancellationToken) > 0;
    }

    private static string Escaped(string text) => text.Replace("\\", "\\\\").Replace("%", "\\%").Replace("_", "\\_");

    private async Task<IReadOnlyList<Wire.Job>> ToWireAsync(ServerDbContext context, IReadOnlyList<Job> jobs, CancellationToken cancellationToken)
    {
        var managers = await context.Managers.AsNoTracking().ToDictionaryAsync(row => row.Id, row => row.Name, cancellationToken);
        var repositories = await context.Repositories.AsNoTracking().ToDictionaryAsync(row => row.Id, row => row.Name, cancellationToken);
        var workers = await context.Workers.AsNoTracking().ToDictionaryAsync(row => row.Id, row => row.Name, cancellationToken);
        var now = time.GetUtcNow();
        return [.. jobs.Select(job => JobMessages.ToWire(
            job, managers.GetValueOrDefault(job.ManagerId, ""), repositories.GetValueOrDefault(job.RepositoryId, ""), workers, now))];
    }
}
