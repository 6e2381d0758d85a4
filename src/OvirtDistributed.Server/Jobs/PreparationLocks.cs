// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Security.Cryptography;
using Npgsql;

namespace OvirtDistributed.Server.Jobs;

/// <summary>
/// Per task: its preparation for a worker and its settlement never run at the same time, on whichever of several servers. Likewise per worker's VM,
/// within the preparation of a task: disks are attached to it one at a time. The locks are the database's and end with the connection that holds them, so a
/// dead server holds nothing up. One connection holds all of this server's: a preparation may take half an hour, and hundreds of them at once must not use
/// the database's connections up.
/// </summary>
internal sealed class PreparationLocks(NpgsqlDataSource database, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(200);

    private readonly KeyedLocks _locks = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private NpgsqlConnection? _connection;

    /// <summary>Waits for the lock of a task or a VM; dispose to release.</summary>
    public async Task<IAsyncDisposable> EnterAsync(Guid id, CancellationToken cancellationToken)
    {
        // In this process callers wait here: the database would give one connection the same lock twice.
        var turn = await _locks.EnterAsync(id, cancellationToken);
        try
        {
            while (!await AskAsync("SELECT pg_try_advisory_lock($1)", id, cancellationToken))
            {
                await Task.Delay(LookAgainAfter, time, cancellationToken);
            }

            return new Holder(this, turn, id);
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        _turn.Dispose();
    }

    // Advisory locks have 64 bit names; two ids that share one wait for each other now and then, nothing worse.
    private static long KeyOf(Guid id) => BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(id.ToByteArray()));

    private async Task<bool> AskAsync(string question, Guid id, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            _connection ??= await database.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(question, _connection) { Parameters = { new() { Value = KeyOf(id) } } };

            // Once asked the answer is waited for: else nobody would know whether the lock is held.
            return await command.ExecuteScalarAsync(CancellationToken.None) is true;
        }
        catch (NpgsqlException) when (_connection is not null)
        {
            // Broken, and all locks with it. What is under way goes on: every step of it is idempotent and the lease is checked again at its end.
            var broken = _connection;
            _connection = null;
            await broken.DisposeAsync();
            throw;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask LeaveAsync(Guid id)
    {
        try
        {
            await AskAsync("SELECT pg_advisory_unlock($1)", id, CancellationToken.None);
        }
        catch (NpgsqlException)
        {
            // The connection is gone, and the lock with it.
        }
    }

    private sealed class Holder(PreparationLocks owner, IDisposable turn, Guid id) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                await owner.LeaveAsync(id);
            }
            finally
            {
                turn.Dispose();
            }
        }
    }
}
