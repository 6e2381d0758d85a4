// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>What jobs that copy and verify restore points were asked, and what a verification found of a disk.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0007_point_copies")]
internal sealed class M0007PointCopies : SqlMigration
{
    protected override string Script => "0007_point_copies.sql";
}
