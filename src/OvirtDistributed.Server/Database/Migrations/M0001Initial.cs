// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>The first schema.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0001_initial")]
internal sealed class M0001Initial : SqlMigration
{
    protected override string Script => "0001_initial.sql";
}
