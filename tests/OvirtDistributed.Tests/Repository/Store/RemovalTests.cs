// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

public sealed class RemovalTests : IAsyncDisposable
{
    private static readonly TestDisk Disk = new TestDisk(40 << 20).Fill(0, 1 << 20, 1).Fill(20 << 20, 1 << 20, 2);

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task RemovedPoint_IsGoneForGoodAndTheOthersStayWhole()
    {
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
            await store.BackUpAsync("job-1", Disk, [], "point-job-0", _token).WithinDeadline();
            Assert.True(await store.RemovePointAsync("point-job-0", _token).WithinDeadline());
            Assert.False(await store.RemovePointAsync("point-job-0", _token).WithinDeadline());
            Assert.Null(store.FindPoint("point-job-0"));
            Assert.Null(store.FindPointOfJob("job-0"));
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        Assert.Equal("point-job-1", Assert.Single(reopened.ListPoints()).PointId);
        Assert.True((await reopened.RestoreAsync("point-job-1", _token).WithinDeadline()).AsSpan().SequenceEqual(Disk.Content));
        Assert.Empty((await reopened.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
    }

    [Fact]
    public async Task PointIsReadOrBuiltOn_RemovalIsRefusedUntilThatEnds()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
        await using (await store.OpenReadSessionAsync("point-job-0", _token))
        {
            await AssertInUseAsync();
        }

        await using (await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk, "point-job-0"), _token))
        {
            await AssertInUseAsync();
        }

        Assert.True(await store.RemovePointAsync("point-job-0", _token).WithinDeadline());

        async Task AssertInUseAsync()
        {
            var error = await Assert.ThrowsAsync<RepositoryException>(() => store.RemovePointAsync("point-job-0", _token).WithinDeadline());
            Assert.Equal(RepositoryError.PointInUse, error.Error);
            Assert.NotNull(store.FindPoint("point-job-0"));
        }
    }
}
