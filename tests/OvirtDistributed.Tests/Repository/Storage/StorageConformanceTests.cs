// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Storage;

/// <summary>What every backend must do; the storage that tests crash on is held to the same.</summary>
public abstract class StorageConformance
{
    private protected readonly CancellationToken _token = TestContext.Current.CancellationToken;

    private protected abstract IStorageBackend Storage { get; }

    [Fact]
    public async Task PutObject_IsFoundReadAndListed()
    {
        Assert.True(await Storage.PutAsync("a/b/c.json", new byte[] { 1, 2, 3 }, StoragePutMode.CreateOnly, _token));
        Assert.Equal(new StorageObject("a/b/c.json", 3), await Storage.FindAsync("a/b/c.json", _token));
        Assert.Equal([1, 2, 3], await ReadAsync("a/b/c.json"));
        Assert.Equal([new StorageObject("a/b/c.json", 3)], await ListAsync("a"));
        Assert.Empty(await ListAsync("a/x"));
        Assert.Empty(await ListAsync("b"));
    }

    [Fact]
    public async Task CreateOnlyOfAnExistingObject_ChangesNothing()
    {
        await Storage.PutAsync("x", new byte[] { 1 }, StoragePutMode.CreateOnly, _token);
        Assert.False(await Storage.PutAsync("x", new byte[] { 2 }, StoragePutMode.CreateOnly, _token));
        Assert.Equal([1], await ReadAsync("x"));
        Assert.True(await Storage.PutAsync("x", new byte[] { 3 }, StoragePutMode.Replace, _token));
        Assert.Equal([3], await ReadAsync("x"));
    }

    [Fact]
    public async Task ManyCreateTheSameObject_OneSucceeds()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
            Task.Run(() => Storage.PutAsync("y", new[] { (byte)i }, StoragePutMode.CreateOnly, _token)))).WithinDeadline();
        var winner = Assert.Single(Enumerable.Range(0, 20), i => results[i]);
        Assert.Equal([(byte)winner], await ReadAsync("y"));
    }

    [Fact]
    public async Task ObjectThatIsNotThere_IsNullNotAnError()
    {
        Assert.Null(await Storage.FindAsync("no", _token));
        Assert.Null(await Storage.OpenReadAsync("no/such", _token));
        await Storage.DeleteAsync("no/such", _token);
    }

    [Fact]
    public async Task AppendedObject_GrowsAndIsSeenByOpenReaders()
    {
        await using (var appender = await Storage.OpenAppendAsync("p/1", create: true, _token))
        {
            await appender.AppendAsync(new byte[] { 1, 2 }, _token);
            using var reader = (await Storage.OpenReadAsync("p/1", _token))!;
            await appender.AppendAsync(new byte[] { 3 }, _token);
            await appender.FlushAsync(_token);
            Assert.Equal(3, appender.Length);
            Assert.Equal(3, reader.Length);
            var buffer = new byte[10];
            Assert.Equal(2, await reader.ReadAsync(1, buffer, _token));
            Assert.Equal([2, 3], buffer[..2]);
            Assert.Equal(0, await reader.ReadAsync(99, buffer, _token));
        }

        await Assert.ThrowsAsync<RepositoryException>(() => Storage.OpenAppendAsync("p/1", create: true, _token));
        await using var again = await Storage.OpenAppendAsync("p/1", create: false, _token);
        await again.AppendAsync(new byte[] { 4 }, _token);
        Assert.Equal([1, 2, 3, 4], await ReadAsync("p/1"));
    }

    [Fact]
    public async Task WriterWithoutCommit_LeavesNothing()
    {
        await using (var writer = await Storage.CreateWriterAsync("w/1", _token))
        {
            await writer.WriteAsync(new byte[] { 1 }, _token);
            Assert.Empty(await ListAsync("w"));
        }

        Assert.Null(await Storage.FindAsync("w/1", _token));
        await using (var writer = await Storage.CreateWriterAsync("w/1", _token))
        {
            await writer.WriteAsync(new byte[] { 1 }, _token);
            await writer.WriteAsync(new byte[] { 2 }, _token);
            await writer.CommitAsync(_token);
        }

        Assert.Equal([1, 2], await ReadAsync("w/1"));
    }

    [Fact]
    public async Task DeletedObject_IsGoneAndOpenReadersGoOn()
    {
        await Storage.PutAsync("d", new byte[] { 5 }, StoragePutMode.CreateOnly, _token);
        using var reader = (await Storage.OpenReadAsync("d", _token))!;
        await Storage.DeleteAsync("d", _token);
        Assert.Null(await Storage.FindAsync("d", _token));
        var buffer = new byte[1];
        Assert.Equal(1, await reader.ReadAsync(0, buffer, _token));
        Assert.Equal(5, buffer[0]);
    }

    [Fact]
    public async Task Lock_IsExclusiveUntilGivenBack()
    {
        var held = await Storage.TryLockAsync("l/lock", _token);
        Assert.NotNull(held);
        Assert.Null(await Storage.TryLockAsync("l/lock", _token));
        await held.DisposeAsync();
        await using var again = await Storage.TryLockAsync("l/lock", _token);
        Assert.NotNull(again);
    }

    private protected async Task<byte[]> ReadAsync(string name)
    {
        using var reader = (await Storage.OpenReadAsync(name, _token))!;
        var content = new byte[reader.Length];
        Assert.Equal(content.Length, await reader.ReadAsync(0, content, _token));
        using var map = reader.Map();
        Assert.True(map is null || map.Slice(0, content.Length).SequenceEqual(content));
        return content;
    }

    private protected async Task<List<StorageObject>> ListAsync(string folder)
    {
        var found = new List<StorageObject>();
        await foreach (var item in Storage.ListAsync(folder, _token))
        {
            found.Add(item);
        }

        return found;
    }
}

public sealed class CrashStorageConformanceTests : StorageConformance
{
    private protected override IStorageBackend Storage { get; } = new CrashStorage();
}

public sealed class LocalStorageConformanceTests : StorageConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LocalStorage _storage;

    public LocalStorageConformanceTests()
    {
        _storage = LocalStorage.Open(_directory.File("repository"));
    }

    private protected override IStorageBackend Storage => _storage;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("../x")]
    [InlineData("a/../b")]
    [InlineData("/etc/x")]
    [InlineData("a//b")]
    [InlineData(".tmp/x")]
    [InlineData("a b")]
    [InlineData("")]
    public async Task NameThatCouldLeaveTheFolder_IsRefused(string name)
    {
        var error = await Assert.ThrowsAsync<RepositoryException>(() => Storage.PutAsync(name, new byte[1], StoragePutMode.Replace, _token));
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
    }

    [Fact]
    public async Task UnfinishedWritesOfAProcessThatIsGone_AreRemovedWithTheLock()
    {
        var left = Path.Combine(_directory.File("repository"), ".tmp", "left");
        await File.WriteAllTextAsync(left, "x", _token);
        await using var held = await Storage.TryLockAsync("l", _token);
        Assert.False(File.Exists(left));
    }

    [Fact]
    public async Task FolderThatCannotBeWritten_IsUnavailableAndNamesTheObject()
    {
        await Storage.PutAsync("file", new byte[1], StoragePutMode.Replace, _token);
        var error = await Assert.ThrowsAsync<RepositoryException>(() => Storage.PutAsync("file/below", new byte[1], StoragePutMode.Replace, _token));
        Assert.Equal(RepositoryError.Unavailable, error.Error);
        Assert.Contains("file/below", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Capacity_IsThatOfTheFileSystem()
    {
        var capacity = Storage.GetCapacity();
        Assert.NotNull(capacity);
        Assert.InRange(capacity.Value.FreeBytes, 1, capacity.Value.TotalBytes);
    }
}
