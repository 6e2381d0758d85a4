// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

/// <summary>Each Data Mover has a clock of its own here: one that stands still is a process that hangs or is dead.</summary>
[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class S3LeaseTests(CephFixture ceph)
{
    private const string Lock = "locks/store.lock";

    private static readonly S3LeaseTimes Times = new();

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OwnerThatIsGone_IsFollowedAfterItsTimeAndNotBefore(bool objectLock)
    {
        var options = await ceph.CreateBucketAsync(objectLock);
        var (firstClock, secondClock) = (new ManualTimeProvider(), new ManualTimeProvider());
        await using var first = await CephFixture.OpenAsync(options, firstClock);
        await using var second = await CephFixture.OpenAsync(options, secondClock);
        await using var held = await first.TryLockAsync(Lock, _token).WithinDeadline();
        Assert.NotNull(held);
        Assert.Null(await second.TryLockAsync(Lock, _token).WithinDeadline());

        secondClock.Advance(Times.Duration + Times.ClockMargin);
        Assert.Null(await second.TryLockAsync(Lock, _token).WithinDeadline());
        secondClock.Advance(TimeSpan.FromSeconds(1));
        await using var taken = await second.TryLockAsync(Lock, _token).WithinDeadline();
        Assert.NotNull(taken);
        await second.PutAsync("x", new byte[] { 2 }, StoragePutMode.Replace, _token).WithinDeadline();

        // The first wakes up: its renewal finds the other, and it never writes again.
        firstClock.Advance(Times.RenewEvery);
        await Deadline.UntilAsync(async () => await FailureOfWriteAsync(first) is { } message && message.Contains("taken over", StringComparison.Ordinal), "the first knows");
        await held.DisposeAsync().AsTask().WithinDeadline();
        Assert.Contains("taken over", await FailureOfWriteAsync(first), StringComparison.Ordinal);
        await Assert.ThrowsAsync<RepositoryException>(() => first.TryLockAsync(Lock, _token).WithinDeadline());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OwnerThatLives_KeepsTheLockAndLeavesNoVersions(bool objectLock)
    {
        var options = await ceph.CreateBucketAsync(objectLock);
        var clock = new ManualTimeProvider();
        await using var first = await CephFixture.OpenAsync(options, clock);
        await using var second = await CephFixture.OpenAsync(options, clock);
        await using (await first.TryLockAsync(Lock, _token).WithinDeadline())
        {
            for (var renewal = 0; renewal < 10; renewal++)
            {
                await clock.WaitForTimerDueWithinAsync(Times.RenewEvery, _token).WithinDeadline();
                clock.Advance(Times.RenewEvery);
                await first.PutAsync("x", new byte[] { 1 }, StoragePutMode.Replace, _token).WithinDeadline();
            }

            await clock.WaitForTimerDueWithinAsync(Times.RenewEvery, _token).WithinDeadline();
            Assert.Null(await second.TryLockAsync(Lock, _token).WithinDeadline());
            Assert.Single(await CephFixture.KeysAsync(options), key => key.Key == "ovd/" + Lock);
        }

        await using var taken = await second.TryLockAsync(Lock, _token).WithinDeadline();
        Assert.NotNull(taken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ServerOutOfReach_StopsWritesInTime_AndTheyGoOnWhenNobodyElseCame(bool objectLock)
    {
        await using var proxy = await FaultProxy.StartAsync(ceph.Endpoint);
        var options = await ceph.CreateBucketAsync(objectLock);
        var clock = new ManualTimeProvider();
        await using var storage = await CephFixture.OpenAsync(options with { Endpoint = proxy.Endpoint }, clock);
        await using var held = await storage.TryLockAsync(Lock, _token).WithinDeadline();
        await storage.PutAsync("x", new byte[] { 1 }, StoragePutMode.Replace, _token).WithinDeadline();
        await clock.WaitForTimerDueWithinAsync(Times.RenewEvery, _token).WithinDeadline();

        proxy.Die();
        clock.Advance(Times.RenewEvery);
        await clock.WaitForTimerDueWithinAsync(Times.RetryEvery, _token).WithinDeadline(); // the renewal has failed
        clock.Advance(Times.WritesFor - Times.RenewEvery);
        proxy.Revive();
        Assert.Contains("could not be renewed", await FailureOfWriteAsync(storage), StringComparison.Ordinal);

        await Deadline.UntilAsync(
            async () =>
            {
                clock.Advance(Times.RetryEvery / 10);
                return await FailureOfWriteAsync(storage) is null;
            },
            "the lock is renewed");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyWantTheLock_NeverHaveTwo(bool objectLock)
    {
        var options = await ceph.CreateBucketAsync(objectLock);
        var storages = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => CephFixture.OpenAsync(options))).WithinDeadline();
        for (var round = 0; round < 3; round++)
        {
            var held = await Task.WhenAll(storages.Select(storage => storage.TryLockAsync(Lock, _token))).WithinDeadline();
            Assert.InRange(held.Count(one => one is not null), 0, 1);
            foreach (var one in held.OfType<IAsyncDisposable>())
            {
                await one.DisposeAsync().AsTask().WithinDeadline();
            }
        }

        await using (var alone = await storages[0].TryLockAsync(Lock, _token).WithinDeadline())
        {
            Assert.NotNull(alone);
        }

        foreach (var storage in storages)
        {
            await storage.DisposeAsync();
        }
    }

    private async Task<string?> FailureOfWriteAsync(S3Storage storage)
    {
        try
        {
            await storage.PutAsync("y", new byte[] { 9 }, StoragePutMode.Replace, _token).WithinDeadline();
            return null;
        }
        catch (RepositoryException exception)
        {
            Assert.Equal(RepositoryError.Unavailable, exception.Error);
            return exception.Message;
        }
    }
}
