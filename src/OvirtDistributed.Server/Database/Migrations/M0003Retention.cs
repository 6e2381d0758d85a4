// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>Retention policies, who has which, and pinned restore points.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0003_retention")]
internal sealed class M0003Retention : SqlMigration
{
    protected override string Script => "0003_retention.sql";
}
