// SPDX-License-Identifier: Apache-2.0

using Npgsql;

namespace OvirtDistributed.Server.Jobs;

/// <summary>
/// Of several servers on one database one drives jobs: the one whose connection holds an advisory lock. The lock ends with the connection,
/// so a dead server never blocks the others, and a server that loses it stops at once.
/// </summary>
internal sealed partial class Leadership(NpgsqlDataSource database, TimeProvider time, ILogger<Leadership> logger) : BackgroundService
{
    private const long LeaderLock = 0x6F76645F6C656164;
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private CancellationTokenSource? _term;
    private TaskCompletionSource _elected = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Prepares the state before the first step of a term; set by the composition.</summary>
    public Func<CancellationToken, Task>? OnElected { get; set; }

    /// <summary>While we lead: the time is noted, so that the next leader knows how long nobody did.</summary>
    public Func<CancellationToken, Task>? OnAlive { get; set; }

    /// <summary>Waits until this server leads. The token ends with the term or with <paramref name="cancellationToken"/>.</summary>
    public async Task<CancellationTokenSource> WaitForTermAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task elected;
            lock (_gate)
            {
                if (_term is { IsCancellationRequested: false } term)
                {
                    return CancellationTokenSource.CreateLinkedTokenSource(term.Token, cancellationToken);
                }

                elected = _elected.Task;
            }

            await elected.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Runs rounds with a pause after each, in every term of this server, until it stops. A round must not throw but for its token.</summary>
    public async Task RunRoundsAsync(TimeSpan pause, Func<CancellationToken, Task> round, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var term = await WaitForTermAsync(stoppingToken);
            try
            {
                while (true)
                {
                    await round(term.Token);
                    await Task.Delay(pause, time, term.Token);
                }
            }
            catch (OperationCanceledException) when (term.Token.IsCancellationRequested)
            {
                // Stopping, or another server leads now.
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(stoppingToken);
                if (await TryLockAsync(connection, stoppingToken))
                {
                    await LeadAsync(connection, stoppingToken);
                }
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                Log.LeadershipLost(logger, failure);
            }

            await Task.Delay(CheckInterval, time, stoppingToken);
        }
    }

    private static async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock($1)", connection) { Parameters = { new() { Value = LeaderLock } } };
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private async Task LeadAsync(NpgsqlConnection connection, CancellationToken stoppingToken)
    {
        using var term = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        try
        {
            if (OnElected is { } prepare)
            {
                await prepare(stoppingToken);
            }

            Begin(term);
            Log.Leads(logger);
            while (true)
            {
                if (OnAlive is { } alive)
                {
                    await alive(stoppingToken);
                }

                await using var check = new NpgsqlCommand("SELECT 1", connection);
                await check.ExecuteScalarAsync(stoppingToken);
                await Task.Delay(CheckInterval, time, stoppingToken);
            }
        }
        finally
        {
            await EndAsync(term);

            // The pool would keep the session, and with it the lock.
            await ReleaseAsync(connection);
        }
    }

    private void Begin(CancellationTokenSource term)
    {
        lock (_gate)
        {
            _term = term;
            _elected.TrySetResult();
        }
    }

    private async Task EndAsync(CancellationTokenSource term)
    {
        lock (_gate)
        {
            _term = null;
            _elected = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        await term.CancelAsync();
    }

    private static async Task ReleaseAsync(NpgsqlConnection connection)
    {
        try
        {
            await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = LeaderLock } } };
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (NpgsqlException)
        {
            // The connection is broken, and the lock with it.
        }
    }
}
