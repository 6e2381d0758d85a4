// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using OvirtDistributed.Server.Database;
using Xunit;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>A private PostgreSQL for one test run: own directory, unix socket, no durability. Each test gets a database of its own, cloned from a migrated one.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string Template = "ovd_template";
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"ovd-pg-{Guid.NewGuid():N}"[..16]);
    private int _databases;

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(_directory);
        if (IsRoot)
        {
            await RunAsync("chown", "postgres", _directory);
        }

        await PostgresAsync("initdb", "-D", Data, "-A", "trust", "-U", "ovd", "--no-sync", "-E", "UTF8", "--locale=C");
        await PostgresAsync("pg_ctl", "-D", Data, "-w", "-l", Path.Combine(_directory, "log"), "-o", $"-k {_directory} -c listen_addresses='' -c fsync=off -c synchronous_commit=off -c max_connections=200", "start");
        await ExecuteAsync("postgres", $"CREATE DATABASE {Template}");
        await using var source = NpgsqlDataSource.Create(ConnectionString(Template) + ";Pooling=false");
        await new DatabaseMigrator(new ContextFactory(source), NullLogger<DatabaseMigrator>.Instance).MigrateAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Connection string of a fresh database with the present schema.</summary>
    public Task<string> NewDatabaseAsync() => CreateAsync($"TEMPLATE {Template}");

    /// <summary>Connection string of an empty database.</summary>
    public Task<string> EmptyDatabaseAsync() => CreateAsync("");

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await PostgresAsync("pg_ctl", "-D", Data, "-m", "immediate", "stop");
        Directory.Delete(_directory, recursive: true);
    }

    private string Data => Path.Combine(_directory, "data");

    private static bool IsRoot => Environment.UserName == "root";

    private static string Binaries =>
        Directory.EnumerateDirectories("/usr/lib/postgresql").Order(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin")).Last(Directory.Exists);

    private string ConnectionString(string database) => $"Host={_directory};Username=ovd;Database={database};Maximum Pool Size=30";

    private async Task<string> CreateAsync(string how)
    {
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync("postgres", $"CREATE DATABASE {name} {how}");
        return ConnectionString(name);
    }

    private async Task ExecuteAsync(string database, string sql)
    {
        await using var source = NpgsqlDataSource.Create(ConnectionString(database) + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private static Task PostgresAsync(string program, params string[] arguments) => IsRoot
        ? RunAsync("runuser", ["-u", "postgres", "--", Path.Combine(Binaries, program), .. arguments])
        : RunAsync(Path.Combine(Binaries, program), arguments);

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            // The server inherits open pipes and would keep them open: its output goes nowhere.
            RedirectStandardOutput = false,
            RedirectStandardError = false,
            WorkingDirectory = "/",
        })!;
        await process.WaitForExitAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }
}

/// <summary>Contexts on one data source, as the server makes them.</summary>
internal sealed class ContextFactory(NpgsqlDataSource source) : IDbContextFactory<ServerDbContext>
{
    private readonly DbContextOptions<ServerDbContext> _options = ServerDbContext.OptionsFor(source);

    public ServerDbContext CreateDbContext() => new(_options);
}

[CollectionDefinition(Name)]
public sealed class PostgresTests : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}
