// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>One running backup of a VM at a time, and when an attempt was last put on the bus.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0002_one_backup_per_vm")]
internal sealed class M0002OneBackupPerVm : SqlMigration
{
    protected override string Script => "0002_one_backup_per_vm.sql";
}
