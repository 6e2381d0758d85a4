// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Ledger;

/// <summary>Whom a ledger entry belongs to: a job (<see cref="TaskId"/> empty, <see cref="Attempt"/> 0), or one attempt at a task.</summary>
internal readonly record struct LedgerOwner(Guid ManagerId, Guid JobId, Guid TaskId, int Attempt)
{
    public static LedgerOwner OfJob(Guid managerId, Guid jobId) => new(managerId, jobId, Guid.Empty, 0);
}

/// <summary>Records what we are about to create on an engine before the call, and its id after it. Every method is durable on return.</summary>
internal sealed class EngineLedger(IDbContextFactory<ServerDbContext> contexts, TimeProvider time)
{
    /// <summary>The open entry of this kind, or a new intent. Idempotent: an owner has one open entry of a kind.</summary>
    public Task<LedgerEntry> OpenAsync(LedgerKind kind, LedgerOwner owner, Guid parentId, CancellationToken cancellationToken) =>
        OpenAsync(kind, owner, parentId, engineId: null, cancellationToken);

    /// <summary>The same for what has its engine's id before it exists.</summary>
    public async Task<LedgerEntry> OpenAsync(LedgerKind kind, LedgerOwner owner, Guid parentId, Guid? engineId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await FindAsync(context, kind, owner, cancellationToken) is { } found)
        {
            return found;
        }

        var entry = new LedgerEntry
        {
            Id = Guid.NewGuid(),
            Kind = kind,
            ManagerId = owner.ManagerId,
            JobId = owner.JobId,
            TaskId = owner.TaskId,
            Attempt = owner.Attempt,
            ParentId = parentId,
            EngineId = engineId,
            Created = time.GetUtcNow(),
        };
        context.Ledger.Add(entry);
        try
        {
            await context.SaveChangesAsync(cancellationToken);
            return entry;
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            context.ChangeTracker.Clear();
            return await FindAsync(context, kind, owner, cancellationToken)
                ?? throw new InvalidOperationException($"The ledger entry {kind} of job {owner.JobId} was closed while it was being opened.", failure);
        }
    }

    public async Task<LedgerEntry?> FindOpenAsync(LedgerKind kind, LedgerOwner owner, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await FindAsync(context, kind, owner, cancellationToken);
    }

    /// <summary>Whether this owner ever had an entry of this kind, open or closed.</summary>
    public async Task<bool> HasHadAsync(LedgerKind kind, LedgerOwner owner, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Ledger.AnyAsync(
            entry => entry.Kind == kind && entry.JobId == owner.JobId && entry.TaskId == owner.TaskId && entry.Attempt == owner.Attempt, cancellationToken);
    }

    /// <summary>The thing exists on the engine under this id.</summary>
    public async Task ConfirmAsync(LedgerEntry entry, Guid engineId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Ledger.Where(row => row.Id == entry.Id).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.EngineId, engineId).SetProperty(row => row.State, LedgerState.Created), cancellationToken);
        entry.EngineId = engineId;
        entry.State = LedgerState.Created;
    }

    /// <summary>The thing is gone, never came to be, or is kept on purpose.</summary>
    public async Task CloseAsync(LedgerEntry entry, string note, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var now = time.GetUtcNow();
        await context.Ledger.Where(row => row.Id == entry.Id && row.State != LedgerState.Closed).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, LedgerState.Closed).SetProperty(row => row.Closed, now).SetProperty(row => row.Note, note),
            cancellationToken);
        entry.State = LedgerState.Closed;
    }

    /// <summary>Open entries, oldest first.</summary>
    public async Task<IReadOnlyList<LedgerEntry>> ListOpenAsync(Guid? jobId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Ledger.AsNoTracking()
            .Where(entry => entry.State != LedgerState.Closed && (jobId == null || entry.JobId == jobId))
            .OrderBy(entry => entry.Created)
            .ToListAsync(cancellationToken);
    }

    /// <summary>True when the ledger names this thing for another entry, open or closed: it is not the one that is missing.</summary>
    public async Task<bool> IsKnownAsync(Guid engineId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Ledger.AnyAsync(entry => entry.EngineId == engineId, cancellationToken);
    }

    private static Task<LedgerEntry?> FindAsync(ServerDbContext context, LedgerKind kind, LedgerOwner owner, CancellationToken cancellationToken) =>
        context.Ledger.AsNoTracking().FirstOrDefaultAsync(
            entry => entry.Kind == kind && entry.JobId == owner.JobId && entry.TaskId == owner.TaskId && entry.Attempt == owner.Attempt
                && entry.State != LedgerState.Closed,
            cancellationToken);
}
