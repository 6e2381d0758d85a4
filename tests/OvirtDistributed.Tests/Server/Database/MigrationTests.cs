// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Database;

[Collection(PostgresTests.Name)]
public sealed class MigrationTests(PostgresServer postgres)
{
    private const string Columns = """
        SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || is_identity || ' ' || coalesce(column_default, '')
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '__EFMigrationsHistory' ORDER BY 1
        """;

    private const string Indexes =
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '__EFMigrationsHistory' ORDER BY 1";

    private const string Constraints = """
        SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE '%EFMigrationsHistory%' ORDER BY 1
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MigratedSchema_IsTheModels()
    {
        await using var migrated = NpgsqlDataSource.Create(await postgres.NewDatabaseAsync());
        await using var created = NpgsqlDataSource.Create(await postgres.EmptyDatabaseAsync());
        await using (var context = new ContextFactory(created).CreateDbContext())
        {
            Assert.True(await context.Database.EnsureCreatedAsync(Token).WithinDeadline());
        }

        foreach (var question in new[] { Columns, Indexes, Constraints })
        {
            var expected = await AskAsync(created, question);
            Assert.NotEmpty(expected);
            Assert.Equal(expected, await AskAsync(migrated, question));
        }
    }

    [Fact]
    public async Task SeveralServersStartAtOnce_OneMigrates()
    {
        await using var source = NpgsqlDataSource.Create(await postgres.EmptyDatabaseAsync());
        var migrator = new DatabaseMigrator(new ContextFactory(source), NullLogger<DatabaseMigrator>.Instance);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => migrator.MigrateAsync(Token))).WithinDeadline();

        Assert.Equal(
            [
                "0001_initial", "0002_one_backup_per_vm", "0003_retention", "0004_repository_keys", "0005_point_verification", "0006_point_locks", "0007_point_copies",
                "0008_rescue", "0009_manager_ssh", "0010_restore_plans", "0011_command_tasks", "0013_worker_export_domains", "0014_request_fingerprints",
            ],
            await AskAsync(source, """SELECT "MigrationId" FROM "__EFMigrationsHistory" """));
    }

    private static async Task<List<string>> AskAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(Token);
        var rows = new List<string>();
        while (await reader.ReadAsync(Token))
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }
}
