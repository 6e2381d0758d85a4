// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>When a restore point was verified and what was wrong with it.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0005_point_verification")]
internal sealed class M0005PointVerification : SqlMigration
{
    protected override string Script => "0005_point_verification.sql";
}
