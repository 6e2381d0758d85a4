// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class S3FaultTests(CephFixture ceph) : IAsyncLifetime
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;
    private FaultProxy? _proxy;
    private S3Storage? _storage;
    private S3StorageOptions? _options;

    private FaultProxy Proxy => _proxy!;

    private S3Storage Storage => _storage!;

    public async ValueTask InitializeAsync()
    {
        _proxy = await FaultProxy.StartAsync(ceph.Endpoint);
        _options = await ceph.CreateBucketAsync();
        _storage = await CephFixture.OpenAsync(_options with { Endpoint = _proxy.Endpoint });
    }

    public async ValueTask DisposeAsync()
    {
        await Storage.DisposeAsync();
        await Proxy.DisposeAsync();
    }

    [Theory]
    [InlineData(FaultKind.ServerError)]
    [InlineData(FaultKind.Refused)]
    [InlineData(FaultKind.LostAnswer)]
    internal async Task WriteThatFailsForAWhile_IsCarriedOutOnceAndReportedAsDone(FaultKind kind)
    {
        Proxy.Spoil(HttpMethod.Put, "/created", kind, times: 2);
        Proxy.Spoil(HttpMethod.Put, "a.pack~", kind);
        Proxy.Spoil(HttpMethod.Put, "a.pack~000000000000", kind);
        Proxy.Spoil(HttpMethod.Put, "a.pack~000000000003", kind);

        Assert.True(await Storage.PutAsync("created", new byte[] { 1 }, StoragePutMode.CreateOnly, _token).WithinDeadline());
        await using (var appender = await Storage.OpenAppendAsync("a.pack", create: true, _token).WithinDeadline())
        {
            await appender.AppendAsync(new byte[] { 1, 2, 3 }, _token);
            await appender.FlushAsync(_token).WithinDeadline();
            await appender.AppendAsync(new byte[] { 4 }, _token);
            await appender.FlushAsync(_token).WithinDeadline();
        }

        Proxy.AssertAllHappened();
        Assert.False(await Storage.PutAsync("created", new byte[] { 2 }, StoragePutMode.CreateOnly, _token).WithinDeadline());
        Assert.Equal([1, 2, 3, 4], await ReadAsync(Storage, "a.pack"));
    }

    [Fact]
    public async Task LargeWriteWhoseCommitIsNotHeardOf_IsThere()
    {
        var content = new byte[(20 << 20) + 5];
        new Random(1).NextBytes(content);
        Proxy.Spoil(HttpMethod.Post, "uploadId", FaultKind.LostAnswer);
        await using (var writer = await Storage.CreateWriterAsync("large", _token).WithinDeadline())
        {
            await writer.WriteAsync(content, _token);
            await writer.CommitAsync(_token).WithinDeadline();
        }

        Proxy.AssertAllHappened();
        Assert.Equal(content, await ReadAsync(Storage, "large"));
    }

    [Fact]
    public async Task ReadThatBreaksOff_GoesOnWhereItStopped()
    {
        var content = new byte[3 << 20];
        new Random(2).NextBytes(content);
        await Storage.PutAsync("r", content, StoragePutMode.CreateOnly, _token).WithinDeadline();
        Proxy.Spoil(HttpMethod.Get, "/ovd/r", FaultKind.BrokenBody, times: 3, after: 1);
        Assert.Equal(content, await ReadAsync(Storage, "r"));
        Proxy.AssertAllHappened();
    }

    [Fact]
    public async Task FlushThatFailsForGood_EndsTheObject_AndWhatWasFlushedBeforeStays()
    {
        await using var appender = await Storage.OpenAppendAsync("b.pack", create: true, _token).WithinDeadline();
        await appender.AppendAsync(new byte[] { 1 }, _token);
        await appender.FlushAsync(_token).WithinDeadline();
        Proxy.Die();
        await appender.AppendAsync(new byte[] { 2 }, _token);
        var failure = await Assert.ThrowsAsync<RepositoryException>(() => appender.FlushAsync(_token).WithinDeadline());
        Assert.Equal(RepositoryError.Unavailable, failure.Error);
        Assert.Contains("b.pack", failure.Message, StringComparison.Ordinal);
        Proxy.Revive();
        await Assert.ThrowsAsync<RepositoryException>(async () => await appender.AppendAsync(new byte[] { 3 }, _token));
        await Assert.ThrowsAsync<RepositoryException>(() => appender.FlushAsync(_token).WithinDeadline());

        await using var next = await CephFixture.OpenAsync(_options!);
        Assert.Equal([1], await ReadAsync(next, "b.pack"));
        await using var going = await next.OpenAppendAsync("b.pack", create: false, _token).WithinDeadline();
        await going.AppendAsync(new byte[] { 4 }, _token);
        await going.FlushAsync(_token).WithinDeadline();
        Assert.Equal([1, 4], await ReadAsync(next, "b.pack"));
    }

    [Fact]
    public async Task SecondProcessThatAppends_IsRefusedAndSpoilsNothing()
    {
        await using var other = await CephFixture.OpenAsync(_options!);
        await using var first = await Storage.OpenAppendAsync("c.pack", create: true, _token).WithinDeadline();
        await using var second = await other.OpenAppendAsync("c.pack", create: false, _token).WithinDeadline();
        await first.AppendAsync(new byte[] { 1, 2 }, _token);
        await first.FlushAsync(_token).WithinDeadline();
        await second.AppendAsync(new byte[] { 9 }, _token);
        await Assert.ThrowsAsync<RepositoryException>(() => second.FlushAsync(_token).WithinDeadline());
        Assert.Equal([1, 2], await ReadAsync(other, "c.pack"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task RemovalThatACrashEnds_LeavesNoObject_AndItsPartsGoLater(int removed)
    {
        await using (var appender = await Storage.OpenAppendAsync("packs/01/d.pack", create: true, _token).WithinDeadline())
        {
            for (var part = 0; part < 20; part++) // more than are removed at the same time
            {
                await appender.AppendAsync(new byte[10], _token);
                await appender.FlushAsync(_token).WithinDeadline();
            }
        }

        Proxy.DieAt(HttpMethod.Delete, "d.pack~", removed, carriedOut: true);
        await Assert.ThrowsAsync<RepositoryException>(() => Storage.DeleteAsync("packs/01/d.pack", _token).WithinDeadline());

        await using var next = await CephFixture.OpenAsync(_options!);
        Assert.NotEmpty(await KeysOfPacksAsync());
        Assert.Null(await next.FindAsync("packs/01/d.pack", _token).WithinDeadline());
        Assert.Null(await next.OpenReadAsync("packs/01/d.pack", _token).WithinDeadline());
        Assert.Empty(await ListAsync(next)); // nothing is removed by who has no lock
        Assert.NotEmpty(await KeysOfPacksAsync());
        await using var held = await next.TryLockAsync("locks/store.lock", _token).WithinDeadline();
        Assert.Empty(await ListAsync(next));
        Assert.Empty(await KeysOfPacksAsync());
    }

    [Fact]
    public async Task FullStorage_IsNoSpace()
    {
        await ceph.Ceph.SetQuotaAsync(1, _token).WithinDeadline();
        try
        {
            // The gateway looks at the quota with some delay.
            RepositoryException? failure = null;
            var number = 0;
            await Deadline.UntilAsync(
                async () =>
                {
                    try
                    {
                        await Storage.PutAsync($"full/{number++}", new byte[100_000], StoragePutMode.CreateOnly, _token).WithinDeadline();
                        return false;
                    }
                    catch (RepositoryException exception)
                    {
                        failure = exception;
                        return true;
                    }
                },
                "the quota is enforced");
            Assert.Equal(RepositoryError.NoSpace, failure!.Error);
        }
        finally
        {
            await ceph.Ceph.SetQuotaAsync(-1, CancellationToken.None).WithinDeadline();
        }
    }

    private async Task<List<StorageObject>> ListAsync(S3Storage storage)
    {
        var found = new List<StorageObject>();
        await foreach (var item in storage.ListAsync("packs", _token))
        {
            found.Add(item);
        }

        return found;
    }

    private async Task<List<S3Key>> KeysOfPacksAsync() =>
        (await CephFixture.KeysAsync(_options!)).Where(key => key.Key.StartsWith("ovd/packs/", StringComparison.Ordinal)).ToList();

    private async Task<byte[]> ReadAsync(S3Storage storage, string name)
    {
        using var reader = await storage.OpenReadAsync(name, _token).WithinDeadline();
        var content = new byte[reader!.Length];
        Assert.Equal(content.Length, await reader.ReadAsync(0, content, _token).AsTask().WithinDeadline());
        return content;
    }
}
