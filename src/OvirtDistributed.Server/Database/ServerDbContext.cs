// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Retention;
using OvirtDistributed.Server.Workers;

namespace OvirtDistributed.Server.Database;

/// <summary>The server's state. Enums are text, documents are jsonb, rows that several writers change carry PostgreSQL's row version.</summary>
internal sealed class ServerDbContext(DbContextOptions<ServerDbContext> options) : DbContext(options)
{
    public DbSet<StoredManager> Managers => Set<StoredManager>();

    public DbSet<InventoryObject> Inventory => Set<InventoryObject>();

    public DbSet<StoredRepository> Repositories => Set<StoredRepository>();

    public DbSet<StoredRepositoryKey> RepositoryKeys => Set<StoredRepositoryKey>();

    public DbSet<StoredWorker> Workers => Set<StoredWorker>();

    public DbSet<Job> Jobs => Set<Job>();

    public DbSet<DiskTask> Tasks => Set<DiskTask>();

    public DbSet<Attempt> Attempts => Set<Attempt>();

    public DbSet<JobLogLine> JobLog => Set<JobLogLine>();

    public DbSet<JobDocument> JobDocuments => Set<JobDocument>();

    public DbSet<HandledRequest> HandledRequests => Set<HandledRequest>();

    public DbSet<OutboxOffer> Outbox => Set<OutboxOffer>();

    public DbSet<LedgerEntry> Ledger => Set<LedgerEntry>();

    public DbSet<RestorePoint> RestorePoints => Set<RestorePoint>();

    public DbSet<RetentionPolicy> RetentionPolicies => Set<RetentionPolicy>();

    public DbSet<RetentionAssignment> RetentionAssignments => Set<RetentionAssignment>();

    public DbSet<StoredRestorePlan> RestorePlans => Set<StoredRestorePlan>();

    public DbSet<PointPin> PointPins => Set<PointPin>();

    public DbSet<ServerFact> Facts => Set<ServerFact>();

    /// <summary>Migrations are written by hand and a test compares them with the model: there is no snapshot to compare with at run time.</summary>
    public static DbContextOptions<ServerDbContext> OptionsFor(NpgsqlDataSource source)
    {
        var builder = new DbContextOptionsBuilder<ServerDbContext>();
        Configure(builder, source);
        return builder.Options;
    }

    public static void Configure(DbContextOptionsBuilder builder, NpgsqlDataSource source) => builder
        .UseNpgsql(source)
        .ConfigureWarnings(warnings => warnings.Ignore(RelationalEventId.PendingModelChangesWarning));

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.Properties<Enum>().HaveConversion<string>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(ServerDbContext).Assembly);
        SnakeCaseNames.Apply(modelBuilder);
    }
}
