// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>The keys of encrypted repositories.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0004_repository_keys")]
internal sealed class M0004RepositoryKeys : SqlMigration
{
    protected override string Script => "0004_repository_keys.sql";
}
