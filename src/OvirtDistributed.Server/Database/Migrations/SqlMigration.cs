// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore.Migrations;

namespace OvirtDistributed.Server.Database.Migrations;

/// <summary>A migration whose statements are a file beside it. A test compares the result with the model; there is no way back.</summary>
internal abstract class SqlMigration : Migration
{
    /// <summary>Name of the embedded file.</summary>
    protected abstract string Script { get; }

    protected override void Up(MigrationBuilder migrationBuilder)
    {
        var name = $"{typeof(SqlMigration).Namespace}.{Script}";
        using var stream = typeof(SqlMigration).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The migration script {name} is not part of the program.");
        using var reader = new StreamReader(stream);
        migrationBuilder.Sql(reader.ReadToEnd());
    }
}
