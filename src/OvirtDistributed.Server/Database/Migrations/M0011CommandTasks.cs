// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>Tasks that are commands beside those that are disks.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0011_command_tasks")]
internal sealed class M0011CommandTasks : SqlMigration
{
    protected override string Script => "0011_command_tasks.sql";
}
