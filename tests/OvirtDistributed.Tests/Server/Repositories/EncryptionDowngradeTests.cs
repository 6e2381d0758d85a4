// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Repositories;

/// <summary>A Data Mover, or who can write to its storage, says that a repository is not encrypted.</summary>
[Collection(PostgresTests.Name)]
public sealed class EncryptionDowngradeTests(PostgresServer postgres)
{
    [Fact]
    public async Task CreatedWithEncryptionAndSaysThatItHasNone_IsNotAdded()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        (site.Mover.Exists, site.Mover.Encryption) = (false, null);

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RepositoryRegistry>().AddAsync(
            new RepositoryRequest("second", "http://mover", "second", Create: true, ChunkAverageBytes: 0, Encrypt: true), TestSite.Token)).WithinDeadline();

        Assert.Contains("not encrypted", refused.Message, StringComparison.Ordinal);
        await using var context = site.Database();
        Assert.False(await context.Repositories.AnyAsync(row => row.Name == "second", TestSite.Token));
    }

    [Fact]
    public async Task NoKeyOrAnotherThanWhenItWasAdded_RepositoryIsFailedUntilItIsAsBefore()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var own = site.Mover.Encryption;
        foreach (var other in new[] { null, RepositoryKey.Generate().Describe() })
        {
            site.Mover.Encryption = other;
            Assert.Equal(RepositoryCondition.Failed, (await CheckAsync(site)).Condition);
            Assert.Contains("repo.json", (await CheckAsync(site)).Problem, StringComparison.Ordinal);
        }

        site.Mover.Encryption = own;
        Assert.Equal(RepositoryCondition.Ready, (await CheckAsync(site)).Condition);
    }

    private static async Task<StoredRepository> CheckAsync(TestSite site)
    {
        await using var context = site.Database();
        await site.Get<RepositoryMonitor>().CheckAsync(await context.Repositories.AsNoTracking().SingleAsync(TestSite.Token), TestSite.Token).WithinDeadline();
        return await context.Repositories.AsNoTracking().SingleAsync(TestSite.Token);
    }
}
