// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Server.Leases;

namespace OvirtDistributed.Server;

/// <summary>What comes before everything else: the schema, the installation's id, and time given back to leases when nobody was there.</summary>
internal sealed partial class InstallationStart(
    DatabaseMigrator migrator, IDbContextFactory<ServerDbContext> contexts, Installation installation, Leadership leadership, TaskLeases leases, GuestFreezes freezes,
    TimeProvider time, ServerOptions options, ILogger<InstallationStart> logger) : IHostedService
{
    private const string InstanceFileName = "instance-id";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await migrator.MigrateAsync(cancellationToken);
        installation.InstanceId = await ReadInstanceIdAsync(cancellationToken);
        leadership.OnElected = PrepareTermAsync;
        leadership.OnAlive = NoteAliveAsync;
        Log.Started(logger, installation.InstanceId);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Once per election: first of all guests that somebody left frozen, because they cannot wait.</summary>
    internal async Task PrepareTermAsync(CancellationToken cancellationToken)
    {
        await freezes.ThawFirstAsync(cancellationToken);
        await ExtendLeasesAsync(cancellationToken);
    }

    /// <summary>Extends all leases by the time since a server last led. Called once per election, before any lease can expire.</summary>
    internal async Task ExtendLeasesAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var last = await context.Facts.AsNoTracking().FirstOrDefaultAsync(fact => fact.Name == ServerFact.LastAlive, cancellationToken);
        if (last is not null && DateTimeOffset.TryParse(last.Value, CultureInfo.InvariantCulture, out var alive))
        {
            var downtime = time.GetUtcNow() - alive;
            if (downtime > TimeSpan.Zero)
            {
                var extended = await leases.ExtendAllAsync(downtime, cancellationToken);
                Log.LeasesExtended(logger, extended, downtime);
            }
        }

        await NoteAliveAsync(cancellationToken);
    }

    internal async Task NoteAliveAsync(CancellationToken cancellationToken) =>
        await PutFactAsync(ServerFact.LastAlive, time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture), cancellationToken);

    /// <summary>The database's id; else the data directory's, so that an emptied database does not orphan what we made; else a new one.</summary>
    private async Task<Guid> ReadInstanceIdAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.DataDirectory);
        var file = Path.Combine(options.DataDirectory, InstanceFileName);
        var stored = File.Exists(file) && Guid.TryParse((await File.ReadAllTextAsync(file, cancellationToken)).Trim(), out var kept) ? kept : Guid.NewGuid();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Database.ExecuteSqlAsync(
            $"INSERT INTO facts (name, value) VALUES ({ServerFact.InstanceId}, {stored.ToString("D")}) ON CONFLICT (name) DO NOTHING", cancellationToken);
        var fact = await context.Facts.AsNoTracking().FirstAsync(row => row.Name == ServerFact.InstanceId, cancellationToken);
        var temporary = $"{file}.{Guid.NewGuid():N}";
        await File.WriteAllTextAsync(temporary, fact.Value, cancellationToken);
        File.Move(temporary, file, overwrite: true);
        return Guid.Parse(fact.Value);
    }

    private async Task PutFactAsync(string name, string value, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Database.ExecuteSqlAsync(
            $"INSERT INTO facts (name, value) VALUES ({name}, {value}) ON CONFLICT (name) DO UPDATE SET value = excluded.value", cancellationToken);
    }
}
