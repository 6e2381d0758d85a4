// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>What copies of a point gave to a task, which point a copy was made from, and which repository is a replica of which.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0008_rescue")]
internal sealed class M0008Rescue : SqlMigration
{
    protected override string Script => "0008_rescue.sql";
}
