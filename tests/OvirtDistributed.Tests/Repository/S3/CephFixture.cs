// SPDX-License-Identifier: Apache-2.0
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

/// <summary>One Ceph for all tests of S3; each test takes a bucket or a prefix of its own.</summary>
public sealed class CephFixture : IAsyncLifetime
{
    private PrivateCeph? _ceph;

    public string Endpoint => _ceph!.Endpoint;

    internal PrivateCeph Ceph => _ceph!;

    public async ValueTask InitializeAsync() => _ceph = await PrivateCeph.StartAsync(TestContext.Current.CancellationToken).WithinDeadline();

    public async ValueTask DisposeAsync()
    {
        if (_ceph is not null)
        {
            await _ceph.DisposeAsync();
        }
    }

    /// <summary>A new bucket.</summary>
    public async Task<S3StorageOptions> CreateBucketAsync(bool objectLock = false)
    {
        var options = Options($"b-{Guid.NewGuid():N}");
        using var client = Client(options);
        var request = new PutBucketRequest { BucketName = options.Bucket, ObjectLockEnabledForBucket = objectLock };
        await client.PutBucketAsync(request, TestContext.Current.CancellationToken).WithinDeadline();
        return options;
    }

    public S3StorageOptions Options(string bucket) => new()
    {
        Endpoint = Endpoint,
        Bucket = bucket,
        Prefix = "ovd",
        AccessKey = PrivateCeph.AccessKey,
        SecretKey = PrivateCeph.SecretKey,
    };

    /// <summary>The client library bare, for what the product does not do.</summary>
    internal static AmazonS3Client Client(S3StorageOptions options) => S3Connection.Open(options);

    public static async Task<S3Storage> OpenAsync(S3StorageOptions options, TimeProvider? timeProvider = null) =>
        await S3Storage.OpenAsync(options, timeProvider ?? TimeProvider.System, NullLogger<S3Storage>.Instance, TestContext.Current.CancellationToken).WithinDeadline();

    /// <summary>All keys of a bucket with their versions.</summary>
    internal static async Task<List<S3Key>> KeysAsync(S3StorageOptions options)
    {
        using var bucket = new OvirtDistributed.Repository.S3.S3Bucket(options);
        var keys = new List<S3Key>();
        await foreach (var key in bucket.ListVersionsAsync("", TestContext.Current.CancellationToken))
        {
            keys.Add(key);
        }

        return keys;
    }
}

[CollectionDefinition(Name)]
public sealed class CephCollection : ICollectionFixture<CephFixture>
{
    public const string Name = "ceph";
}
