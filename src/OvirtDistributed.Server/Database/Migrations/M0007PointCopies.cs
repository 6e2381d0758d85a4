// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>What a job that copies a restore point was asked.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0007_point_copies")]
internal sealed class M0007PointCopies : SqlMigration
{
    protected override string Script => "0007_point_copies.sql";
}
