// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>Which guest is frozen for which job, and how long at most.</summary>
internal sealed record FreezeSubject(Guid JobId, Guid ManagerId, Guid VmId, string VmName, TimeSpan Timeout);

/// <summary>
/// One freeze of one guest, from its turn to the last thaw: ledger entry, guard, freeze, wait for the word or the time-out, thaw until the manager says yes.
/// The task behind it is owned by <see cref="GuestFreezes"/> and never throws.
/// </summary>
internal sealed partial class GuestFreeze(
    FreezeSubject subject, SemaphoreSlim slots, EngineLedger ledger, IEngineDirectory engines, IThawGuards guards, Action<GuestFreeze> changed, TimeProvider time,
    ServerOptions options, ILogger logger) : IDisposable
{
    // A refused freeze that is thawed in vain this often froze nothing: there is no agent to ask.
    private const int ThawsAfterRefusal = 3;

    private readonly CancellationTokenSource _end = new();
    private readonly CancellationTokenSource _leave = new();
    private readonly TaskCompletionSource _firstThaw = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IEngine? _engine;
    private int _state;
    private long _started;
    private volatile bool _unknown;
    private volatile string _problem = "";
    private volatile string _thawProblem = "";

    public FreezeSubject Subject => subject;

    public FreezeState State => (FreezeState)Volatile.Read(ref _state);

    /// <summary>Why it is not frozen, with <see cref="FreezeState.Refused"/>.</summary>
    public string Problem => _problem;

    /// <summary>Why the last thaw failed; empty when it succeeded or none was tried.</summary>
    public string ThawProblem => _thawProblem;

    /// <summary>Nothing of it is left: guard gone, ledger entry closed.</summary>
    public bool EndedCleanly { get; private set; }

    /// <summary>True while the guest is surely frozen: nobody has thawed it, the guard included.</summary>
    public bool IsHeld => State == FreezeState.Frozen && time.GetElapsedTime(_started) < subject.Timeout;

    /// <summary>The guest is to be thawed and nobody knows yet that it is.</summary>
    public bool MayStillBeFrozen => State == FreezeState.Thawing || (State == FreezeState.Refused && _unknown && !EndedCleanly);

    /// <summary>The job has no use for it any more.</summary>
    public bool IsDropped { get; private set; }

    public Task Completion { get; private set; } = Task.CompletedTask;

    public void Start() => Completion = RunAsync();

    public void Drop() => IsDropped = true;

    /// <summary>Ends the freeze, or the attempt at it. Returns when nothing of it is left, or when the manager has answered a thaw that was not the last.</summary>
    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        if (!Completion.IsCompleted)
        {
            await _end.CancelAsync();
        }

        await _firstThaw.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Ends the loop of thaws; what is not thawed stays in the ledger.</summary>
    public Task LeaveAsync() => _leave.CancelAsync();

    public void Dispose()
    {
        _end.Dispose();
        _leave.Dispose();
    }

    private async Task RunAsync()
    {
        await Task.Yield();
        try
        {
            using var wanted = CancellationTokenSource.CreateLinkedTokenSource(_end.Token, _leave.Token);
            if (await TakeSlotAsync(wanted.Token))
            {
                await RunInSlotAsync(wanted.Token);
            }
        }
        catch (Exception failure)
        {
            // The edge of background work: the ledger keeps what is open, the guard thaws because it is let go.
            Log.Broke(logger, subject.VmName, subject.JobId, failure);
            Refuse($"unexpected {failure.GetType().Name}; the server's log has the details");
        }
        finally
        {
            _firstThaw.TrySetResult();
            changed(this);
        }
    }

    private async Task<bool> TakeSlotAsync(CancellationToken wanted)
    {
        try
        {
            await slots.WaitAsync(wanted);
            return true;
        }
        catch (OperationCanceledException)
        {
            EndedCleanly = true;
            Refuse("the backup was ended meanwhile");
            return false;
        }
    }

    private async Task RunInSlotAsync(CancellationToken wanted)
    {
        try
        {
            var entry = await ledger.OpenAsync(LedgerKind.GuestFreeze, LedgerOwner.OfJob(subject.ManagerId, subject.JobId), subject.VmId, CancellationToken.None);
            await using var guard = await StartGuardAsync(entry, wanted);
            if (guard is not null)
            {
                // Counted from here, before the guard counts: we never believe to hold a guest that it has thawed.
                _started = time.GetTimestamp();
                using var deadline = new CancellationTokenSource(subject.Timeout, time);
                using var hold = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, wanted);
                await FreezeAndThawAsync(entry, guard, deadline.Token, hold.Token);
            }
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task<IThawGuard?> StartGuardAsync(LedgerEntry entry, CancellationToken cancellationToken)
    {
        try
        {
            var guest = new GuardedGuest(subject.ManagerId, subject.VmId, entry.Id, subject.Timeout, options.RequestLifetime);
            return await guards.StartAsync(guest, cancellationToken);
        }
        catch (Exception failure)
        {
            await CloseAsync(entry, "not asked for: no guard");
            EndedCleanly = true;
            Refuse(failure is OperationCanceledException
                ? cancellationToken.IsCancellationRequested ? "the backup was ended meanwhile" : "the thaw guard was not ready in time"
                : $"the thaw guard, without which no guest is frozen, could not be started: {failure.Message}");
            return null;
        }
    }

    private async Task FreezeAndThawAsync(LedgerEntry entry, IThawGuard guard, CancellationToken deadline, CancellationToken hold)
    {
        var (frozen, certain, problem) = await FreezeAsync(entry, guard, deadline, hold);
        _unknown = !certain;
        if (frozen)
        {
            Become(FreezeState.Frozen);
            Log.Frozen(logger, subject.VmName, subject.JobId, subject.Timeout);
            changed(this);
            await UntilAsync(hold);
            Become(FreezeState.Thawing);
            if (deadline.IsCancellationRequested)
            {
                Log.TimedOut(logger, subject.VmName, subject.JobId, subject.Timeout);
            }
        }

        await ThawAsync(entry, guard, frozen, certain, problem);
    }

    /// <returns>Whether the guest is frozen; else whether the manager refused for certain, and why.</returns>
    private async Task<(bool Frozen, bool Certain, string Problem)> FreezeAsync(LedgerEntry entry, IThawGuard guard, CancellationToken deadline, CancellationToken hold)
    {
        try
        {
            var engine = await EngineAsync(hold);
            await guard.AskedAsync();
            await engine.FreezeGuestAsync(subject.VmId, entry.Id, hold);
            await ledger.ConfirmAsync(entry, subject.VmId, CancellationToken.None);
            await guard.FrozenAsync();
            return (true, true, "");
        }
        catch (OperationCanceledException) when (hold.IsCancellationRequested)
        {
            return (false, false, deadline.IsCancellationRequested ? $"the guest did not answer the freeze within {subject.Timeout.TotalSeconds:F0} s" : "the backup was ended meanwhile");
        }
        catch (EngineException failure)
        {
            var certain = failure.Failure is EngineFailure.Refused or EngineFailure.NotFound or EngineFailure.Unauthorized or EngineFailure.Locked;
            return (false, certain, failure.Message);
        }
        catch (Exception failure)
        {
            // The guard is gone, or the database, perhaps after the guest was frozen.
            Log.Broke(logger, subject.VmName, subject.JobId, failure);
            return (false, false, $"unexpected {failure.GetType().Name}; the server's log has the details");
        }
    }

    /// <summary>The manager as it is known now; while the database is away, as it was known before: a guest does not wait for a database.</summary>
    private async Task<IEngine> EngineAsync(CancellationToken cancellationToken)
    {
        try
        {
            return _engine = (await engines.OpenAsync(subject.ManagerId, cancellationToken)).Engine;
        }
        catch (Exception) when (_engine is not null && !cancellationToken.IsCancellationRequested)
        {
            return _engine;
        }
    }

    private async Task ThawAsync(LedgerEntry entry, IThawGuard guard, bool frozen, bool certain, string problem)
    {
        var started = time.GetTimestamp();
        for (var tries = 1; ; tries++)
        {
            var thawed = await TryThawAsync(entry);
            if (!frozen)
            {
                Refuse(problem);
            }

            if (IsDone(entry, frozen, certain, thawed, tries))
            {
                await EndAsync(entry, guard, frozen, tries);
                return;
            }

            _firstThaw.TrySetResult();
            changed(this);

            if (time.GetElapsedTime(started) > options.ThawPatience || _leave.IsCancellationRequested)
            {
                if (_thawProblem.Length > 0)
                {
                    Log.StillFrozen(logger, subject.VmName, subject.JobId, _thawProblem);
                }

                return;
            }

            await PauseAsync(FreezeLimits.PauseAfter(tries, options.PollInterval));
        }
    }

    private bool IsDone(LedgerEntry entry, bool frozen, bool certain, bool thawed, int tries)
    {
        if (frozen)
        {
            return thawed;
        }

        // A freeze that may still be on its way can take effect after a thaw.
        return certain
            ? thawed || tries >= ThawsAfterRefusal
            : thawed && time.GetUtcNow() - entry.Created > options.RequestLifetime;
    }

    private async Task<bool> TryThawAsync(LedgerEntry entry)
    {
        using var limit = new CancellationTokenSource(FreezeLimits.OneThaw, time);
        try
        {
            var engine = await EngineAsync(limit.Token);
            await engine.ThawGuestAsync(subject.VmId, entry.Id, limit.Token);
            _thawProblem = "";
            return true;
        }
        catch (Exception failure)
        {
            // Whatever went wrong, the guest waits: it is tried again.
            _thawProblem = failure switch
            {
                EngineException => failure.Message,
                OperationCanceledException => $"no answer within {FreezeLimits.OneThaw.TotalSeconds:F0} s",
                _ => $"unexpected {failure.GetType().Name}",
            };
            Log.ThawFailed(logger, subject.VmName, subject.JobId, _thawProblem);
            return false;
        }
    }

    private async Task EndAsync(LedgerEntry entry, IThawGuard guard, bool frozen, int tries)
    {
        await CloseAsync(entry, frozen ? "thawed" : "not frozen");
        await guard.EndAsync();
        EndedCleanly = true;
        _thawProblem = "";
        if (frozen)
        {
            Become(FreezeState.Thawed);
            Log.Thawed(logger, subject.VmName, subject.JobId, tries);
        }
    }

    /// <summary>A clean-up has its own deadline; an entry that stays open costs one more thaw.</summary>
    private async Task CloseAsync(LedgerEntry entry, string note)
    {
        using var limit = new CancellationTokenSource(FreezeLimits.OneThaw, time);
        await ledger.CloseAsync(entry, note, limit.Token);
    }

    private async Task PauseAsync(TimeSpan pause)
    {
        using var limit = new CancellationTokenSource(pause, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _leave.Token);
        await UntilAsync(either.Token);
    }

    private static async Task UntilAsync(CancellationToken token)
    {
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = token.Register(cancelled.SetResult);
        await cancelled.Task;
    }

    private void Refuse(string problem)
    {
        if (State is FreezeState.Freezing)
        {
            _problem = problem;
            Become(FreezeState.Refused);
            Log.Refused(logger, subject.VmName, subject.JobId, problem);
        }
    }

    private void Become(FreezeState state) => Volatile.Write(ref _state, (int)state);
}
