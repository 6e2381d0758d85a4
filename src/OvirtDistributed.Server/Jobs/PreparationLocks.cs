// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Security.Cryptography;
using Npgsql;

namespace OvirtDistributed.Server.Jobs;

/// <summary>
/// Per task: its preparation for a worker and its settlement never run at the same time, on whichever of several servers. The lock is one of the
/// database's and ends with its connection, so a dead server holds nothing up.
/// </summary>
internal sealed class PreparationLocks(NpgsqlDataSource database)
{
    // In this process callers wait here and not in the database: one connection a task at most.
    private readonly KeyedLocks _locks = new();

    /// <summary>Waits for the task's lock; dispose to release.</summary>
    public async Task<IAsyncDisposable> EnterAsync(Guid taskId, CancellationToken cancellationToken)
    {
        var turn = await _locks.EnterAsync(taskId, cancellationToken);
        NpgsqlConnection? connection = null;
        try
        {
            connection = await database.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection)
            {
                CommandTimeout = 0, // as long as the other server needs; the caller's token ends the wait
                Parameters = { new() { Value = KeyOf(taskId) } },
            };
            await command.ExecuteNonQueryAsync(cancellationToken);
            return new Holder(turn, connection, KeyOf(taskId));
        }
        catch
        {
            if (connection is not null)
            {
                await connection.DisposeAsync();
            }

            turn.Dispose();
            throw;
        }
    }

    // Advisory locks have 64 bit names; two tasks that share one wait for each other now and then, nothing worse.
    private static long KeyOf(Guid taskId) => BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(taskId.ToByteArray()));

    private sealed class Holder(IDisposable turn, NpgsqlConnection connection, long key) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = key } } };
                await command.ExecuteNonQueryAsync(CancellationToken.None);
            }
            catch (NpgsqlException)
            {
                // The connection is broken, and the lock with it.
            }
            finally
            {
                await connection.DisposeAsync();
                turn.Dispose();
            }
        }
    }
}
