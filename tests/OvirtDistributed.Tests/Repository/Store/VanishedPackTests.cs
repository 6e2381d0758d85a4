// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>Packs that are removed or cut off behind the repository's back: a file that is open stays readable, and an index goes on naming it.</summary>
public sealed class VanishedPackTests : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LocalStorage _storage;
    private readonly TestDisk _disk = new TestDisk(12 << 20).Fill(0, 5 << 20, 1, compressible: false);
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public VanishedPackTests() => _storage = LocalStorage.Open(_directory.File("repository"));

    public async ValueTask DisposeAsync()
    {
        await _storage.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhileTheRepositoryIsOpen_VerificationTellsAndTheNextBackupHeals(bool cutOff)
    {
        await using var store = await MakeAsync();
        Assert.Empty((await store.VerifyAsync("point-job-0", null, _token).WithinDeadline()).Damages);
        Assert.Equal(_disk.Content, await store.RestoreAsync("point-job-0", _token).WithinDeadline());
        Spoil(cutOff);

        Assert.NotEmpty((await store.VerifyAsync("point-job-0", null, _token).WithinDeadline()).Damages);
        Assert.Equal(1, store.GetStatistics().DamagedPacks);
        await store.BackUpAsync("job-1", _disk, _disk.DataExtents(), null, _token).WithinDeadline();
        await HoldsAsync(store);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NobodyVerifies_ABackupThatStartsLaterSendsWhatIsLost(bool cutOff)
    {
        await using var store = await MakeAsync(TestRepository.Options with { InspectionInterval = TimeSpan.Zero });
        Spoil(cutOff);

        await store.BackUpAsync("job-1", _disk, [], "point-job-0", _token).WithinDeadline();
        await HoldsAsync(store);
    }

    [Fact]
    public async Task GoneWhileItWasClosed_IsToldAtTheOpeningAndNoBaseIsTrusted()
    {
        await (await MakeAsync()).DisposeAsync();
        Spoil(cutOff: false);

        await using var store = await TestRepository.OpenAsync(_storage, _token);
        Assert.Contains(store.Recovery.Problems, problem => problem.Contains("the pack is gone", StringComparison.Ordinal));
        await store.BackUpAsync("job-1", _disk, [], "point-job-0", _token).WithinDeadline();
        await HoldsAsync(store);
    }

    [Fact]
    public async Task CollectedPacks_AreNotMissedAtTheOpening()
    {
        var other = new TestDisk(12 << 20).Fill(0, 5 << 20, 9, compressible: false);
        await using (var store = await MakeAsync())
        {
            await store.BackUpAsync("job-1", other, other.DataExtents(), null, _token);
            await store.RemovePointAsync("point-job-1", _token);
            Assert.True((await store.CollectAsync(new GcOptions { Grace = TimeSpan.Zero }, null, _token)).RemovedPacks >= 3);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        Assert.Empty(reopened.Recovery.Problems);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PackThatIsBeingWritten_TheAttemptFailsWithThat_AndTheNextSendsAllThatIsLost(bool cutOff)
    {
        // Packs of 32 MiB: the next backup goes on in the one that holds the first.
        await RepositoryStore.CreateAsync(_storage, TestRepository.Parameters(32 << 20), _token);
        await using var store = await TestRepository.OpenAsync(_storage, _token);
        await store.BackUpAsync("job-0", _disk, _disk.DataExtents(), null, _token).WithinDeadline();
        Spoil(cutOff);
        var other = new TestDisk(12 << 20).Fill(0, 5 << 20, 2, compressible: false);

        var failure = await Assert.ThrowsAsync<RepositoryException>(() => store.BackUpAsync("job-1", other, other.DataExtents(), null, _token).WithinDeadline());

        Assert.Equal(RepositoryError.Unavailable, failure.Error); // what a worker tries again
        Assert.Contains(cutOff ? "cut off by somebody else" : "removed by somebody else", failure.Message, StringComparison.Ordinal);

        // The first one's frames are not held any more, at once and not a minute later.
        await store.BackUpAsync("job-2", _disk, _disk.DataExtents(), null, _token).WithinDeadline();
        foreach (var point in new[] { "point-job-0", "point-job-2" })
        {
            Assert.Equal(_disk.Content, await store.RestoreAsync(point, _token).WithinDeadline());
        }

        await using var retry = await store.OpenWriteSessionAsync(TestRepository.Request("task-job-1", 2, other), _token);
        await using var writer = new TestWriter(store, retry);
        await writer.WriteAsync(other, other.DataExtents(), _token).WithinDeadline();
    }

    private async Task<RepositoryStore> MakeAsync(RepositoryStoreOptions? options = null)
    {
        await RepositoryStore.CreateAsync(_storage, TestRepository.Parameters(), _token);
        var store = await TestRepository.OpenAsync(_storage, _token, options);
        await store.BackUpAsync("job-0", _disk, _disk.DataExtents(), null, _token).WithinDeadline();
        return store;
    }

    /// <summary>Removes a sealed pack, or cuts it in half.</summary>
    private void Spoil(bool cutOff)
    {
        var pack = Directory.EnumerateFiles(Path.Combine(_directory.File("repository"), "packs"), "*.pack", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
        if (!cutOff)
        {
            File.Delete(pack);
            return;
        }

        using var file = new FileStream(pack, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        file.SetLength(file.Length / 2);
    }

    private async Task HoldsAsync(RepositoryStore store)
    {
        foreach (var point in new[] { "point-job-0", "point-job-1" })
        {
            Assert.Empty((await store.VerifyAsync(point, null, _token).WithinDeadline()).Damages);
            Assert.Equal(_disk.Content, await store.RestoreAsync(point, _token).WithinDeadline());
        }
    }
}
