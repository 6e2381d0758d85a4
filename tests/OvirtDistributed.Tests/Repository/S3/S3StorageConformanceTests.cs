// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Repository.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class S3StorageConformanceTests(CephFixture ceph) : StorageConformance, IAsyncLifetime
{
    private S3Storage? _storage;

    private protected override IStorageBackend Storage => _storage!;

    public async ValueTask InitializeAsync() => _storage = await CephFixture.OpenAsync(await ceph.CreateBucketAsync());

    public ValueTask DisposeAsync() => _storage!.DisposeAsync();
}

/// <summary>The same in a bucket that keeps versions and can protect them.</summary>
[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class S3LockedStorageConformanceTests(CephFixture ceph) : StorageConformance, IAsyncLifetime
{
    private S3StorageOptions? _options;
    private S3Storage? _storage;

    private protected override IStorageBackend Storage => _storage!;

    public async ValueTask InitializeAsync()
    {
        _options = await ceph.CreateBucketAsync(objectLock: true);
        _storage = await CephFixture.OpenAsync(_options);
    }

    public ValueTask DisposeAsync() => _storage!.DisposeAsync();

    [Fact]
    public async Task WhatIsRemovedOrReplaced_LeavesNoVersionBehind()
    {
        await Storage.PutAsync("a", new byte[] { 1 }, StoragePutMode.Replace, _token).WithinDeadline();
        await Storage.PutAsync("a", new byte[] { 2 }, StoragePutMode.Replace, _token).WithinDeadline();
        await using (var appender = await Storage.OpenAppendAsync("b.pack", create: true, _token).WithinDeadline())
        {
            await appender.AppendAsync(new byte[10], _token);
            await appender.FlushAsync(_token).WithinDeadline();
        }

        Assert.Equal(["ovd/a", "ovd/b.pack~", "ovd/b.pack~000000000000"], (await CephFixture.KeysAsync(_options!)).Select(key => key.Key));
        await Storage.DeleteAsync("a", _token).WithinDeadline();
        await Storage.DeleteAsync("b.pack", _token).WithinDeadline();
        Assert.Empty(await CephFixture.KeysAsync(_options!));
    }
}
