// SPDX-License-Identifier: Apache-2.0
using Amazon.S3;
using Amazon.S3.Model;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class S3ObjectLockTests(CephFixture ceph)
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task ProtectedObject_IsNeitherRemovedNorReplacedNorShortened()
    {
        var options = await ceph.CreateBucketAsync(objectLock: true);
        await using var storage = await CephFixture.OpenAsync(options);
        Assert.True(storage.HasObjectLock);
        await storage.PutAsync("points/m/v/1.json", new byte[] { 1 }, StoragePutMode.CreateOnly, _token).WithinDeadline();
        var until = TimeProvider.System.GetUtcNow().AddHours(2);

        Assert.True(await storage.ProtectAsync("points/m/v/1.json", until, _token).WithinDeadline());
        Assert.True(await storage.ProtectAsync("points/m/v/1.json", until.AddHours(-1), _token).WithinDeadline());

        var refusal = await Assert.ThrowsAsync<RepositoryException>(() => storage.DeleteAsync("points/m/v/1.json", _token).WithinDeadline());
        Assert.Equal(RepositoryError.PointLocked, refusal.Error);
        Assert.Contains("points/m/v/1.json", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(until.AddSeconds(1).UtcDateTime.ToString("u")[..16], refusal.Message, StringComparison.Ordinal);
        refusal = await Assert.ThrowsAsync<RepositoryException>(
            () => storage.PutAsync("points/m/v/1.json", new byte[] { 2 }, StoragePutMode.Replace, _token).WithinDeadline());
        Assert.Contains("protected until", refusal.Message, StringComparison.Ordinal);
        Assert.False(await storage.PutAsync("points/m/v/1.json", new byte[] { 3 }, StoragePutMode.CreateOnly, _token).WithinDeadline());
        var head = await storage.Bucket.HeadAsync("ovd/points/m/v/1.json", null, _token).WithinDeadline();
        Assert.InRange(head!.RetainedUntil!.Value, until, until.AddSeconds(1));
        Assert.True(await storage.ProtectAsync("points/m/v/1.json", until.AddHours(1), _token).WithinDeadline());
        head = await storage.Bucket.HeadAsync("ovd/points/m/v/1.json", null, _token).WithinDeadline();
        Assert.InRange(head!.RetainedUntil!.Value, until.AddHours(1), until.AddHours(1).AddSeconds(1));
    }

    [Fact]
    public async Task ProtectedPack_LosesNoPart_AlsoWhenSomeoneElseTries()
    {
        var options = await ceph.CreateBucketAsync(objectLock: true);
        await using var storage = await CephFixture.OpenAsync(options);
        await using (var appender = await storage.OpenAppendAsync("packs/01/00000001.pack", create: true, _token).WithinDeadline())
        {
            for (var part = 0; part < 3; part++)
            {
                await appender.AppendAsync(new byte[100], _token);
                await appender.FlushAsync(_token).WithinDeadline();
            }
        }

        Assert.True(await storage.ProtectAsync("packs/01/00000001.pack", TimeProvider.System.GetUtcNow().AddHours(1), _token).WithinDeadline());
        await Assert.ThrowsAsync<RepositoryException>(() => storage.DeleteAsync("packs/01/00000001.pack", _token).WithinDeadline());
        Assert.Equal(4, (await CephFixture.KeysAsync(options)).Count);

        // With the keys of the Data Mover, and against the server's own refusal.
        using var client = CephFixture.Client(options);
        foreach (var key in await CephFixture.KeysAsync(options))
        {
            var request = new DeleteObjectRequest { BucketName = options.Bucket, Key = key.Key, VersionId = key.VersionId, BypassGovernanceRetention = true };
            await Assert.ThrowsAsync<AmazonS3Exception>(() => client.DeleteObjectAsync(request, _token).WithinDeadline());
        }

        Assert.Equal(new StorageObject("packs/01/00000001.pack", 300), await storage.FindAsync("packs/01/00000001.pack", _token).WithinDeadline());
    }

    [Fact]
    public async Task BucketWithoutObjectLock_CannotProtect()
    {
        await using var storage = await CephFixture.OpenAsync(await ceph.CreateBucketAsync());
        await storage.PutAsync("x", new byte[] { 1 }, StoragePutMode.CreateOnly, _token).WithinDeadline();
        Assert.False(storage.HasObjectLock);
        Assert.False(await storage.ProtectAsync("x", TimeProvider.System.GetUtcNow().AddHours(1), _token).WithinDeadline());
        await storage.DeleteAsync("x", _token).WithinDeadline();
    }

    [Fact]
    public async Task BucketWithADefaultRetention_IsRefusedWithTheReason()
    {
        var options = await ceph.CreateBucketAsync(objectLock: true);
        using var client = CephFixture.Client(options);
        var rule = new ObjectLockRule { DefaultRetention = new DefaultRetention { Mode = ObjectLockRetentionMode.Governance, Days = 1 } };
        await client.PutObjectLockConfigurationAsync(
            new PutObjectLockConfigurationRequest
            {
                BucketName = options.Bucket,
                ObjectLockConfiguration = new ObjectLockConfiguration { ObjectLockEnabled = ObjectLockEnabled.Enabled, Rule = rule },
            },
            _token).WithinDeadline();

        var refusal = await Assert.ThrowsAsync<RepositoryException>(() => CephFixture.OpenAsync(options));

        Assert.Contains("default retention", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BucketThatDoesNotExist_OrKeysThatAreWrong_AreSaidWithoutTheKeys()
    {
        var missing = await Assert.ThrowsAsync<RepositoryException>(() => CephFixture.OpenAsync(ceph.Options("no-such-bucket")));
        Assert.Contains("bucket does not exist", missing.Message, StringComparison.Ordinal);

        var options = await ceph.CreateBucketAsync();
        var wrong = await Assert.ThrowsAsync<RepositoryException>(() => CephFixture.OpenAsync(options with { SecretKey = "not-the-secret" }));
        Assert.Equal(RepositoryError.Unavailable, wrong.Error);
        Assert.Contains("SignatureDoesNotMatch", wrong.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("not-the-secret", wrong.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(PrivateCeph.AccessKey, wrong.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(PrivateCeph.AccessKey, options.ToString(), StringComparison.Ordinal);
    }
}
