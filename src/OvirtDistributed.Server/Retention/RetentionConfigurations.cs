// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Retention;

internal sealed class RetentionPolicyConfiguration : IEntityTypeConfiguration<RetentionPolicy>
{
    public void Configure(EntityTypeBuilder<RetentionPolicy> builder)
    {
        builder.ToTable("retention_policies");
        builder.Property(policy => policy.Rule).IsJson();
        builder.HasIndex(policy => policy.Name).IsUnique();

        // Of several requests at once one can make its policy the default.
        builder.HasIndex(policy => policy.IsDefault).IsUnique().HasFilter("is_default");
    }
}

internal sealed class RetentionAssignmentConfiguration : IEntityTypeConfiguration<RetentionAssignment>
{
    public void Configure(EntityTypeBuilder<RetentionAssignment> builder)
    {
        builder.ToTable("retention_assignments");
        builder.HasKey(assignment => new { assignment.ManagerId, assignment.VmId });
        builder.HasOne<RetentionPolicy>().WithMany().HasForeignKey(assignment => assignment.PolicyId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class PointPinConfiguration : IEntityTypeConfiguration<PointPin>
{
    public void Configure(EntityTypeBuilder<PointPin> builder)
    {
        builder.ToTable("point_pins");
        builder.HasKey(pin => new { pin.RepositoryId, pin.PointId });
        builder.HasOne<RestorePoint>().WithMany().HasForeignKey(pin => new { pin.RepositoryId, pin.PointId }).OnDelete(DeleteBehavior.Cascade);
    }
}
