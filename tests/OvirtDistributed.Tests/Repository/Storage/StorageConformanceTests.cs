// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Storage;

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
