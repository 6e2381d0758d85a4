// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>What a request id was used for.</summary>
[DbContext(typeof(ServerDbContext))]
[Migration("0014_request_fingerprints")]
internal sealed class M0014RequestFingerprints : SqlMigration
{
    protected override string Script => "0014_request_fingerprints.sql";
}
