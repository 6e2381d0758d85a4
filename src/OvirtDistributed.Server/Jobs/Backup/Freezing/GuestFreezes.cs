// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>
/// All guests that this installation has frozen. Those of jobs that this server drives are <see cref="GuestFreeze"/>s; what the ledger names beside them
/// was left by a server that is gone, and is thawed when this one begins to lead, before anything else, and then until it succeeds.
/// </summary>
internal sealed partial class GuestFreezes(
    IDbContextFactory<ServerDbContext> contexts, EngineLedger ledger, IEngineDirectory engines, IThawGuards guards, JobSignal signal, Leadership leadership, TimeProvider time,
    ServerOptions options, ILogger<GuestFreezes> logger) : BackgroundService
{
    // A leader that cannot reach a manager has other work too: the loop goes on with the guest.
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<Guid, GuestFreeze> _freezes = new();
    private readonly SemaphoreSlim _slots = new(options.MaxFrozenGuests);

    /// <summary>Begins to freeze when it is this guest's turn; the job is woken when that is done or was refused. One that ended cleanly gives way.</summary>
    public void Begin(FreezeSubject subject)
    {
        var freeze = new GuestFreeze(subject, _slots, ledger, engines, guards, OnChanged, time, options, logger);
        _freezes[subject.JobId] = freeze;
        freeze.Start();
    }

    /// <summary>The freeze of a job that this server drives; null when there is none, or none that anybody has to look at.</summary>
    public GuestFreeze? Find(Guid jobId) => _freezes.GetValueOrDefault(jobId);

    /// <summary>Ends a job's freeze, and answers why the guest may still be frozen; null when it is not.</summary>
    public async Task<string?> ReleaseAsync(Job job, CancellationToken cancellationToken)
    {
        if (Find(job.Id) is not { } freeze)
        {
            var left = await ledger.FindOpenAsync(LedgerKind.GuestFreeze, LedgerOwner.OfJob(job.ManagerId, job.Id), cancellationToken);
            return left is { State: LedgerState.Created } ? AdviceOf(job.VmId, job.VmName, "a server that is gone has frozen it") : null;
        }

        await freeze.ReleaseAsync(cancellationToken);
        return ExplainStillFrozen(freeze);
    }

    /// <summary>Why a guest may still be frozen after a thaw; null when it is not.</summary>
    public static string? ExplainStillFrozen(GuestFreeze freeze) => freeze is { MayStillBeFrozen: true, ThawProblem.Length: > 0 }
        ? AdviceOf(freeze.Subject.VmId, freeze.Subject.VmName, freeze.ThawProblem)
        : null;

    /// <summary>One look at every guest that a server left frozen which is gone.</summary>
    /// <returns>How many may still be frozen.</returns>
    public async Task<int> ThawLeftAsync(CancellationToken cancellationToken)
    {
        Forget();
        var open = (await ledger.ListOpenAsync(null, cancellationToken)).Where(entry => entry.Kind == LedgerKind.GuestFreeze && !_freezes.ContainsKey(entry.JobId)).ToList();
        var thawed = await Task.WhenAll(open.Select(entry => ThawAsync(entry, cancellationToken)));
        return thawed.Count(done => !done);
    }

    /// <summary>The same for a server that begins to lead: bounded, and it never fails.</summary>
    public async Task ThawFirstAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(FirstLook, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            _ = await ThawLeftAsync(either.Token);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
        }
    }

    /// <summary>Thaws what this server holds and leaves the rest to the ledger. Has its own deadline.</summary>
    public async Task EndAllAsync()
    {
        using var limit = new CancellationTokenSource(StopLimit, time);
        var all = _freezes.Values.ToList();
        try
        {
            await Task.WhenAll(all.Select(freeze => freeze.ReleaseAsync(limit.Token)));
        }
        catch (OperationCanceledException)
        {
            // Their guards thaw them.
        }

        foreach (var freeze in all)
        {
            await freeze.LeaveAsync();
            await freeze.Completion;
            freeze.Dispose();
        }

        _freezes.Clear();
    }

    public override void Dispose()
    {
        base.Dispose();
        _slots.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var term = await leadership.WaitForTermAsync(stoppingToken);
            try
            {
                for (var tries = 1; ; tries++)
                {
                    // Nothing is left in most rounds; then the next begins with short pauses again.
                    tries = await TryAsync(term.Token) > 0 ? tries : 0;
                    await Task.Delay(tries == 0 ? options.ReconcileInterval : FreezeLimits.PauseAfter(tries, options.PollInterval, options.ReconcileInterval), time, term.Token);
                }
            }
            catch (OperationCanceledException) when (term.Token.IsCancellationRequested)
            {
                // Stopping, or another server leads now and thaws what it finds.
            }
            finally
            {
                await EndAllAsync();
            }
        }
    }

    private async Task<int> TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await ThawLeftAsync(cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
            return 1;
        }
    }

    private async Task<bool> ThawAsync(LedgerEntry entry, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(FreezeLimits.OneThaw, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var late = time.GetUtcNow() - entry.Created > options.RequestLifetime;
        try
        {
            var engine = (await engines.OpenAsync(entry.ManagerId, either.Token)).Engine;
            await engine.ThawGuestAsync(entry.ParentId, entry.Id, either.Token);
        }
        catch (EngineException failure) when (entry.State == LedgerState.Intent && late && failure.Failure is EngineFailure.Refused)
        {
            // Never known to be frozen, and there is no agent to thaw it.
        }
        catch (Exception failure) when (failure is EngineException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            Log.LeftFrozen(logger, entry.ParentId, entry.JobId, failure.Message);
            return false;
        }

        // Of an unknown freeze the answer may still be on its way.
        if (entry.State == LedgerState.Intent && !late)
        {
            return false;
        }

        await ledger.CloseAsync(entry, "thawed", cancellationToken);
        Log.LeftThawed(logger, entry.ParentId, entry.JobId);
        await NoteAsync(entry.JobId, cancellationToken);
        return true;
    }

    private async Task NoteAsync(Guid jobId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Jobs.AnyAsync(job => job.Id == jobId, cancellationToken))
        {
            const string Text = "the guest's file systems, which a server that is gone had frozen, are thawed";
            context.JobLog.Add(new JobLogLine { JobId = jobId, Time = time.GetUtcNow(), Severity = LogSeverity.Warning, Message = Text });
            await context.SaveChangesAsync(cancellationToken);
        }
    }

    /// <summary>A freeze that gave up is the ledger's from now on; one that a job is through with is nobody's.</summary>
    private void Forget()
    {
        foreach (var freeze in _freezes.Values.Where(freeze => freeze.Completion.IsCompleted && (freeze.IsDropped || !freeze.EndedCleanly)))
        {
            if (_freezes.TryRemove(new KeyValuePair<Guid, GuestFreeze>(freeze.Subject.JobId, freeze)))
            {
                freeze.Dispose();
            }
        }
    }

    private void OnChanged(GuestFreeze freeze) => signal.Wake(freeze.Subject.JobId);

    private static string AdviceOf(Guid vmId, string vmName, string problem) =>
        $"The guest of VM {vmName} may still be frozen, and everything in it that writes waits: {problem.TrimEnd('.')}. It is tried again and again. To end it at once, "
        + $"POST an empty action ({{}}) to /ovirt-engine/api/vms/{vmId}/thawfilesystems on the manager, or type 'fsfreeze --unfreeze MOUNTPOINT' for each file system on the guest's console.";
}
