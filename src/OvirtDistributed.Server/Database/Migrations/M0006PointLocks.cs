// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>Until when a restore point cannot be removed.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0006_point_locks")]
internal sealed class M0006PointLocks : SqlMigration
{
    protected override string Script => "0006_point_locks.sql";
}
