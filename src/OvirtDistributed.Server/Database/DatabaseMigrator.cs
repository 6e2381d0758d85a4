// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;

namespace OvirtDistributed.Server.Database;

/// <summary>Brings the schema up to date. Several servers may start at once: one migrates, the others wait.</summary>
internal sealed partial class DatabaseMigrator(IDbContextFactory<ServerDbContext> contexts, ILogger<DatabaseMigrator> logger)
{
    // Any constant will do, as long as every version of the server uses the same.
    private const long MigrationLock = 0x6F76645F6D696772;

    public async Task MigrateAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Database.OpenConnectionAsync(cancellationToken);
        await context.Database.ExecuteSqlAsync($"SELECT pg_advisory_lock({MigrationLock})", cancellationToken);
        try
        {
            var pending = (await context.Database.GetPendingMigrationsAsync(cancellationToken)).ToList();
            if (pending.Count > 0)
            {
                await context.Database.MigrateAsync(cancellationToken);
                Log.Migrated(logger, string.Join(", ", pending));
            }
        }
        finally
        {
            // The lock belongs to the connection: a pooled connection must not keep it.
            await context.Database.ExecuteSqlAsync($"SELECT pg_advisory_unlock({MigrationLock})", CancellationToken.None);
        }
    }
}
