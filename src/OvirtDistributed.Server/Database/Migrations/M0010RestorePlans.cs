// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>Plans of restores that were shown.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0010_restore_plans")]
internal sealed class M0010RestorePlans : SqlMigration
{
    protected override string Script => "0010_restore_plans.sql";
}
