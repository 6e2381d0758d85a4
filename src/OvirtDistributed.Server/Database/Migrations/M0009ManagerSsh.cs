// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>How workers reach a manager's hosts over SSH.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0009_manager_ssh")]
internal sealed class M0009ManagerSsh : SqlMigration
{
    protected override string Script => "0009_manager_ssh.sql";
}
