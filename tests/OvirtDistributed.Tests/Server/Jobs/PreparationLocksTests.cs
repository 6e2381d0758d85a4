// SPDX-License-Identifier: Apache-2.0

using Npgsql;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

[Collection(PostgresTests.Name)]
public sealed class PreparationLocksTests(PostgresServer postgres)
{
    [Fact]
    public async Task TwoServers_TheSecondWaitsForTheSameTaskAndNotForAnother()
    {
        var database = await postgres.NewDatabaseAsync();
        await using var firstServer = NpgsqlDataSource.Create(database);
        await using var secondServer = NpgsqlDataSource.Create(database);
        await using var first = new PreparationLocks(firstServer, TimeProvider.System);
        await using var second = new PreparationLocks(secondServer, TimeProvider.System);
        var task = Guid.NewGuid();
        var held = await first.EnterAsync(task, TestSite.Token).WithinDeadline();

        var waiting = second.EnterAsync(task, TestSite.Token);
        await (await second.EnterAsync(Guid.NewGuid(), TestSite.Token).WithinDeadline()).DisposeAsync();
        Assert.False(waiting.IsCompleted);
        await held.DisposeAsync();

        await (await waiting.WithinDeadline()).DisposeAsync();
    }

    [Fact]
    public async Task ServerGivesUpWaiting_TheLockIsFreeForTheNext()
    {
        await using var server = NpgsqlDataSource.Create(await postgres.NewDatabaseAsync());
        await using var other = NpgsqlDataSource.Create(server.ConnectionString);
        await using var locks = new PreparationLocks(server, TimeProvider.System);
        await using var elsewhere = new PreparationLocks(other, TimeProvider.System);
        var task = Guid.NewGuid();
        var held = await elsewhere.EnterAsync(task, TestSite.Token).WithinDeadline();
        using var patience = new CancellationTokenSource();
        var waiting = locks.EnterAsync(task, patience.Token);
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WithinDeadline());
        await held.DisposeAsync();

        await (await locks.EnterAsync(task, TestSite.Token).WithinDeadline()).DisposeAsync();
    }

    [Fact]
    public async Task ServerDies_ItsLocksAreFree()
    {
        await using var server = NpgsqlDataSource.Create(await postgres.NewDatabaseAsync());
        await using var other = NpgsqlDataSource.Create(server.ConnectionString);
        var dying = new PreparationLocks(server, TimeProvider.System);
        await using var locks = new PreparationLocks(other, TimeProvider.System);
        var task = Guid.NewGuid();
        await dying.EnterAsync(task, TestSite.Token).WithinDeadline();
        var waiting = locks.EnterAsync(task, TestSite.Token);
        Assert.False(waiting.IsCompleted);

        await using (var kill = other.CreateCommand("SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))
        {
            await kill.ExecuteNonQueryAsync(TestSite.Token);
        }

        await (await waiting.WithinDeadline()).DisposeAsync();
        await dying.DisposeAsync();
    }
}
