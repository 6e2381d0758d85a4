// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>Which export domains a worker has mounted.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0013_worker_export_domains")]
internal sealed class M0013WorkerExportDomains : SqlMigration
{
    protected override string Script => "0013_worker_export_domains.sql";
}
