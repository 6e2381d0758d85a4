// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Workers;

namespace OvirtDistributed.Server.Database;

internal sealed class ManagerConfiguration : IEntityTypeConfiguration<StoredManager>
{
    public void Configure(EntityTypeBuilder<StoredManager> builder)
    {
        builder.ToTable("managers");
        builder.Property(manager => manager.HostAddresses).IsJson();
        builder.Property(manager => manager.Ssh).IsJson();
        builder.Property(manager => manager.Version).IsRowVersion();
        builder.HasIndex(manager => manager.Name).IsUnique();
    }
}

internal sealed class InventoryConfiguration : IEntityTypeConfiguration<InventoryObject>
{
    public void Configure(EntityTypeBuilder<InventoryObject> builder)
    {
        builder.ToTable("inventory");
        builder.HasKey(item => new { item.ManagerId, item.Kind, item.ObjectId });
        builder.Property(item => item.Document).HasColumnType("jsonb");
        builder.HasIndex(item => new { item.Kind, item.Name });
        builder.HasOne<StoredManager>().WithMany().HasForeignKey(item => item.ManagerId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class RepositoryConfiguration : IEntityTypeConfiguration<StoredRepository>
{
    public void Configure(EntityTypeBuilder<StoredRepository> builder)
    {
        builder.ToTable("repositories");
        builder.Property(repository => repository.Version).IsRowVersion();
        builder.HasIndex(repository => repository.Name).IsUnique();
        builder.HasIndex(repository => repository.RepositoryUid).IsUnique();
    }
}

internal sealed class RepositoryKeyConfiguration : IEntityTypeConfiguration<StoredRepositoryKey>
{
    public void Configure(EntityTypeBuilder<StoredRepositoryKey> builder)
    {
        builder.ToTable("repository_keys");
        builder.HasKey(key => key.KeySetId);
    }
}

internal sealed class WorkerConfiguration : IEntityTypeConfiguration<StoredWorker>
{
    public void Configure(EntityTypeBuilder<StoredWorker> builder)
    {
        builder.ToTable("workers");
        builder.Property(worker => worker.TransportModes).IsJson();
        builder.Property(worker => worker.ExportDomains).IsJson();
    }
}

internal sealed class JobConfiguration : IEntityTypeConfiguration<Job>
{
    public void Configure(EntityTypeBuilder<Job> builder)
    {
        builder.ToTable("jobs");
        builder.Property(job => job.Backup).IsJson();
        builder.Property(job => job.Restore).IsJson();
        builder.Property(job => job.Copy).IsJson();
        builder.Property(job => job.Verify).IsJson();
        builder.Property(job => job.Notes).IsJson();
        builder.Property(job => job.Warnings).IsJson();
        builder.Property(job => job.Version).IsRowVersion();
        builder.HasIndex(job => new { job.Outcome, job.NextRun });
        builder.HasIndex(job => job.Created);
        builder.HasIndex(job => job.VmId);

        // Of two requests at the same time one makes its job: the manager allows one backup of a VM at a time.
        builder.HasIndex(job => new { job.ManagerId, job.VmId }).IsUnique().HasFilter("kind = 'Backup' AND outcome = 'Running'");
        builder.HasMany(job => job.Tasks).WithOne().HasForeignKey(task => task.JobId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class TaskConfiguration : IEntityTypeConfiguration<JobTask>
{
    public void Configure(EntityTypeBuilder<JobTask> builder)
    {
        builder.ToTable("tasks");
        builder.HasDiscriminator<string>("kind").HasValue<DiskTask>("Disk").HasValue<CommandTask>("Command");
        builder.Property(task => task.Version).IsRowVersion();
        builder.HasIndex(task => task.State);
    }
}

internal sealed class DiskTaskConfiguration : IEntityTypeConfiguration<DiskTask>
{
    public void Configure(EntityTypeBuilder<DiskTask> builder)
    {
        builder.Property(task => task.Statistics).IsJson();
        builder.Property(task => task.Plan).IsJson();
        builder.Property(task => task.Rescue).IsJson();
        builder.HasIndex(task => new { task.JobId, task.DiskId }).IsUnique();
    }
}

internal sealed class CommandTaskConfiguration : IEntityTypeConfiguration<CommandTask>
{
    public void Configure(EntityTypeBuilder<CommandTask> builder)
    {
        builder.Property(task => task.Result).IsJson();
        builder.HasIndex(task => new { task.JobId, task.Phase }).IsUnique();
        builder.HasOne<Job>().WithMany().HasForeignKey(task => task.JobId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class AttemptConfiguration : IEntityTypeConfiguration<Attempt>
{
    public void Configure(EntityTypeBuilder<Attempt> builder)
    {
        builder.ToTable("attempts");
        builder.HasKey(attempt => new { attempt.TaskId, attempt.Number });
        builder.Property(attempt => attempt.Statistics).IsJson();
        builder.HasOne<JobTask>().WithMany().HasForeignKey(attempt => attempt.TaskId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class JobLogConfiguration : IEntityTypeConfiguration<JobLogLine>
{
    public void Configure(EntityTypeBuilder<JobLogLine> builder)
    {
        builder.ToTable("job_log");
        builder.HasIndex(line => new { line.JobId, line.Id });
        builder.HasOne<Job>().WithMany().HasForeignKey(line => line.JobId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class JobDocumentConfiguration : IEntityTypeConfiguration<JobDocument>
{
    public void Configure(EntityTypeBuilder<JobDocument> builder)
    {
        builder.ToTable("job_documents");
        builder.HasKey(document => new { document.JobId, document.Name });
        builder.HasOne<Job>().WithMany().HasForeignKey(document => document.JobId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class HandledRequestConfiguration : IEntityTypeConfiguration<HandledRequest>
{
    public void Configure(EntityTypeBuilder<HandledRequest> builder)
    {
        builder.ToTable("handled_requests");
        builder.HasKey(request => request.RequestId);
        builder.Property(request => request.JobIds).IsJson();
    }
}

internal sealed class OutboxConfiguration : IEntityTypeConfiguration<OutboxOffer>
{
    public void Configure(EntityTypeBuilder<OutboxOffer> builder)
    {
        builder.ToTable("outbox");
        builder.HasIndex(offer => offer.NotBefore);
        builder.HasOne<JobTask>().WithMany().HasForeignKey(offer => offer.TaskId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class LedgerConfiguration : IEntityTypeConfiguration<LedgerEntry>
{
    public void Configure(EntityTypeBuilder<LedgerEntry> builder)
    {
        builder.ToTable("ledger");
        builder.HasIndex(entry => new { entry.JobId, entry.Kind, entry.TaskId, entry.Attempt }).IsUnique().HasFilter("state <> 'Closed'");
        builder.HasIndex(entry => entry.State);
    }
}

internal sealed class RestorePointConfiguration : IEntityTypeConfiguration<RestorePoint>
{
    public void Configure(EntityTypeBuilder<RestorePoint> builder)
    {
        builder.ToTable("restore_points");
        builder.HasKey(point => new { point.RepositoryId, point.Id });
        builder.Property(point => point.Warnings).IsJson();
        builder.Property(point => point.Disks).IsJson();
        builder.HasIndex(point => new { point.ManagerId, point.VmId, point.Created });
        builder.HasOne<StoredRepository>().WithMany().HasForeignKey(point => point.RepositoryId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class RestorePlanConfiguration : IEntityTypeConfiguration<StoredRestorePlan>
{
    public void Configure(EntityTypeBuilder<StoredRestorePlan> builder)
    {
        builder.ToTable("restore_plans");
        builder.HasKey(plan => plan.Digest);
        builder.Property(plan => plan.Request).IsJson();
        builder.Property(plan => plan.Facts).IsJson();
    }
}

internal sealed class ServerFactConfiguration : IEntityTypeConfiguration<ServerFact>
{
    public void Configure(EntityTypeBuilder<ServerFact> builder)
    {
        builder.ToTable("facts");
        builder.HasKey(fact => fact.Name);
    }
}
