// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Repositories;

/// <summary>The database is there, and the key file that seals its secrets is another one.</summary>
[Collection(PostgresTests.Name)]
public sealed class LostKeyFileTests(PostgresServer postgres)
{
    [Fact]
    public async Task KeyOfARepository_CountsAsMissingUntilItIsImportedAgain()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        using var directory = new TemporaryDirectory();
        var contexts = site.Get<IDbContextFactory<ServerDbContext>>();
        var key = RepositoryKey.Generate();
        await new RepositoryKeys(contexts, PasswordSeal.Open(directory.File("before")), TimeProvider.System).PutAsync(key, TestSite.Token).WithinDeadline();
        var after = new RepositoryKeys(contexts, PasswordSeal.Open(directory.File("after")), TimeProvider.System);

        Assert.Null(await after.FindAsync(key.KeySetId, TestSite.Token).WithinDeadline());
        await after.PutAsync(key, TestSite.Token).WithinDeadline();

        Assert.Equal(key.Secret.ToArray(), (await after.FindAsync(key.KeySetId, TestSite.Token).WithinDeadline())!.Secret.ToArray());
    }
}
