// SPDX-License-Identifier: Apache-2.0
using System.Text;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>A locked point outlives every wish to remove it, and every clock that is set.</summary>
public sealed class PointLockTests : IAsyncDisposable
{
    private static readonly TestDisk Disk = new TestDisk(40 << 20).Fill(0, 1 << 20, 1).Fill(20 << 20, 1 << 20, 2);
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);
    private static readonly GcOptions NoGrace = new() { Grace = TimeSpan.Zero };

    private readonly CrashStorage _storage = new();
    private readonly SettableClock _clock = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task LockedPoint_IsRemovedNeitherByCallNorByCollectionUntilItsDate()
    {
        await using var store = await CreateAsync();
        await BackUpAsync(store, "job-0");
        var end = await store.LockPointAsync("point-job-0", Week, _token).WithinDeadline();
        Assert.Equal(_clock.GetUtcNow() + Week, end);

        _clock.Pass(Week - TimeSpan.FromSeconds(1));
        await AssertLockedAsync(store, "point-job-0");
        await store.CollectAsync(NoGrace, null, _token).WithinDeadline();
        Assert.True((await store.RestoreAsync("point-job-0", _token).WithinDeadline()).AsSpan().SequenceEqual(Disk.Content));

        _clock.Pass(TimeSpan.FromSeconds(1));
        Assert.Null(store.LockedUntil("point-job-0"));
        Assert.True(await store.RemovePointAsync("point-job-0", _token).WithinDeadline());
        Assert.Empty(_storage.Names("locks/points"));
    }

    [Fact]
    public async Task Lock_IsOnlyExtended()
    {
        await using var store = await CreateAsync();
        await BackUpAsync(store, "job-0");
        var end = await store.LockPointAsync("point-job-0", Week, _token).WithinDeadline();
        Assert.Equal(end, await store.LockPointAsync("point-job-0", TimeSpan.FromDays(1), _token).WithinDeadline());
        Assert.Equal(end, store.LockedUntil("point-job-0"));
        Assert.Equal(end + Week, await store.LockPointAsync("point-job-0", 2 * Week, _token).WithinDeadline());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(3654)]
    public async Task LockOfNoUse_IsRefusedWithTheLimit(int days)
    {
        await using var store = await CreateAsync();
        await BackUpAsync(store, "job-0");
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.LockPointAsync("point-job-0", TimeSpan.FromDays(days), _token).WithinDeadline());
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
        Assert.Contains("3653 days", error.Message, StringComparison.Ordinal);
        Assert.Null(store.LockedUntil("point-job-0"));
    }

    [Fact]
    public async Task UnknownPoint_CannotBeLocked()
    {
        await using var store = await CreateAsync();
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.LockPointAsync("point-x", Week, _token).WithinDeadline());
        Assert.Equal(RepositoryError.NotFound, error.Error);
        Assert.Empty(_storage.Names("locks/points"));
    }

    [Fact]
    public async Task ClockSetForwardWhileRunning_EndsNoLock()
    {
        await using var store = await CreateAsync();
        await BackUpAsync(store, "job-0");
        await store.LockPointAsync("point-job-0", Week, _token).WithinDeadline();
        _clock.Set(TimeSpan.FromDays(400));
        await AssertLockedAsync(store, "point-job-0");
        Assert.Equal(TimeSpan.FromDays(400), store.Clock.MachineIsAheadBy);
    }

    [Fact]
    public async Task ClockSetForwardWhileStopped_EndsNoLockUntilAnOperatorAcceptsIt()
    {
        await LockInOneLifeAsync();
        _clock.Set(TimeSpan.FromDays(8));
        await using (var store = await OpenAsync())
        {
            await AssertLockedAsync(store, "point-job-0");
            Assert.Contains(store.Recovery.Problems, problem => problem.Contains("accept-clock", StringComparison.Ordinal));

            // Nobody gets round it while it is open.
            var error = await Assert.ThrowsAsync<RepositoryException>(() => RepositoryStore.AcceptClockAsync(_storage, _clock, _token).WithinDeadline());
            Assert.Equal(RepositoryError.Locked, error.Error);
        }

        var (before, now) = await RepositoryStore.AcceptClockAsync(_storage, _clock, _token).WithinDeadline();
        Assert.Equal(TimeSpan.FromDays(8), now - before);
        await using var accepted = await OpenAsync();
        Assert.Empty(accepted.Recovery.Problems);
        Assert.True(await accepted.RemovePointAsync("point-job-0", _token).WithinDeadline());
    }

    [Fact]
    public async Task ShortPause_NeedsNobody()
    {
        await LockInOneLifeAsync();
        _clock.Pass(TimeSpan.FromHours(23));
        await using (var store = await OpenAsync())
        {
            Assert.Equal(_clock.GetUtcNow(), store.Clock.Now);
            Assert.Empty(store.Recovery.Problems);
        }
    }

    [Fact]
    public async Task ClockSetBack_GoesOnFromTheHighestTimeSeen()
    {
        await LockInOneLifeAsync();
        var seen = _clock.GetUtcNow();
        _clock.Set(-TimeSpan.FromDays(365));
        await using var store = await OpenAsync();
        Assert.Equal(seen, store.Clock.Now);
        Assert.Contains("set the clock right", Assert.Single(store.Recovery.Problems), StringComparison.Ordinal);
        _clock.Pass(Week);
        Assert.True(await store.RemovePointAsync("point-job-0", _token).WithinDeadline());
    }

    [Fact]
    public async Task LostClockRecord_IsMadeGoodByTheLocks()
    {
        await LockInOneLifeAsync();
        _storage.Remove("clock.json");
        _clock.Set(TimeSpan.FromDays(8));
        await using var store = await OpenAsync();
        await AssertLockedAsync(store, "point-job-0");
    }

    [Theory]
    [InlineData("clock.json")]
    [InlineData("locks/points/point-job-0.json")]
    public async Task DamagedRecord_UnlocksNothing(string name)
    {
        await LockInOneLifeAsync();
        _storage.Write(name, Encoding.UTF8.GetBytes("nothing of sense"));
        _clock.Set(TimeSpan.FromDays(8));
        await using var store = await OpenAsync();
        await AssertLockedAsync(store, "point-job-0");
        Assert.Contains(store.Recovery.Problems, problem => problem.StartsWith(name, StringComparison.Ordinal));

        // A date given anew ends it in order.
        Assert.True(await store.LockPointAsync("point-job-0", Week, _token).WithinDeadline() < DateTimeOffset.MaxValue);
        _clock.Pass(2 * Week);
        Assert.True(await store.RemovePointAsync("point-job-0", _token).WithinDeadline());
    }

    [Fact]
    public async Task AllRecordsAreDamaged_TheClockGoesOnFromTheMachines()
    {
        await LockInOneLifeAsync();
        foreach (var name in new[] { "clock.json", "locks/points/point-job-0.json" })
        {
            _storage.Write(name, Encoding.UTF8.GetBytes("nothing of sense"));
        }

        await using var store = await OpenAsync();
        await AssertLockedAsync(store, "point-job-0");

        // In the first year of the calendar every lock would end when an operator accepts the clock.
        Assert.Equal(_clock.GetUtcNow() + Week, await store.LockPointAsync("point-job-0", Week, _token).WithinDeadline());
    }

    [Fact]
    public async Task KilledAtEveryOperationOfACommit_NoPointIsThereUnlocked()
    {
        var options = TestRepository.Options with { LockNewPointsFor = Week };
        var committed = 0;
        for (var kill = 1; ; kill++)
        {
            var first = new CrashStorage { CountsReads = false };
            await using (await TestRepository.CreateAsync(first, _token))
            {
            }

            var storage = first.Reboot(Tail.Lost, kill);
            try
            {
                await using var store = await TestRepository.OpenAsync(storage, _token, options);
                await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
            }
            catch (RepositoryException) when (storage.WasKilled)
            {
                // As wanted.
            }

            await using var again = await TestRepository.OpenAsync(storage.Reboot(Tail.Torn), _token);
            foreach (var point in again.ListPoints())
            {
                committed++;
                Assert.NotNull(again.LockedUntil(point.PointId));
                await AssertLockedAsync(again, point.PointId);
            }

            if (!storage.WasKilled)
            {
                break;
            }
        }

        Assert.True(committed > 1, "no kill struck behind the commit");
    }

    [Fact]
    public async Task StorageWithObjectLock_ProtectsAllThatALockedPointNeedsAlsoAfterCollection()
    {
        _storage.RetentionClock = _clock;
        await using var store = await CreateAsync();
        await BackUpAsync(store, "job-0");
        var changed = new TestDisk(40 << 20).Fill(0, 1 << 20, 1).Fill(20 << 20, 1 << 20, 9);
        await store.BackUpAsync("job-1", changed, changed.DataExtents(), null, _token).WithinDeadline();
        var end = await store.LockPointAsync("point-job-1", Week, _token).WithinDeadline();
        AssertProtected();

        Assert.True(await store.RemovePointAsync("point-job-0", _token).WithinDeadline());
        var report = await store.CollectAsync(NoGrace with { RewriteBelow = 0.95 }, null, _token).WithinDeadline();
        Assert.True(report.RewrittenPacks + report.DeadPacks > 0, "nothing was collected, so nothing is shown");
        AssertProtected();
        Assert.True((await store.RestoreAsync("point-job-1", _token).WithinDeadline()).AsSpan().SequenceEqual(changed.Content));

        _clock.Pass(Week);
        Assert.Equal(0, (await store.CollectAsync(NoGrace, null, _token).WithinDeadline()).WaitingPacks);

        void AssertProtected()
        {
            Assert.Equal(end, _storage.ProtectedUntil("repo.json"));
            Assert.Null(_storage.ProtectedUntil("locks/points/point-job-1.json")); // it is replaced when the lock is extended
            Assert.Equal(end, _storage.ProtectedUntil(store.FindPoint("point-job-1")!.Path));
            var doomed = _storage.Names("tombstones").Select(name => name["tombstones/".Length..][..8]).ToHashSet(StringComparer.Ordinal);
            Assert.All(
                _storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal) && !doomed.Contains(Path.GetFileNameWithoutExtension(name))),
                name => Assert.Equal(end, _storage.ProtectedUntil(name)));
        }
    }

    [Fact]
    public async Task PackGrowsAfterALongLock_AShorterLockProtectsWhatWasAdded()
    {
        _storage.RetentionClock = _clock;
        await using var store = await CreateAsync();
        var small = new TestDisk(4 << 20).Fill(0, 64 << 10, 1);
        await store.BackUpAsync("job-0", small, small.DataExtents(), null, _token).WithinDeadline();
        await store.LockPointAsync("point-job-0", 2 * Week, _token).WithinDeadline();
        var before = _storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal)).ToDictionary(name => name, _storage.ProtectedLength);

        var other = new TestDisk(4 << 20).Fill(0, 64 << 10, 2);
        await store.BackUpAsync("job-1", other, other.DataExtents(), null, _token).WithinDeadline();
        await store.LockPointAsync("point-job-1", Week, _token).WithinDeadline();

        Assert.Contains(before, pack => _storage.Read(pack.Key).Length > pack.Value); // else nothing is shown
        Assert.All(
            _storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal)),
            name => Assert.Equal(_storage.Read(name).Length, _storage.ProtectedLength(name)));
    }

    [Fact]
    public async Task LockedPoint_KeepsItsKeySlots()
    {
        var key = RepositoryKey.Generate();
        await RepositoryStore.CreateAsync(
            _storage, TestRepository.Parameters() with { Encryption = key.Describe() }, _token).WithinDeadline();
        await using var store = await OpenAsync();
        var slots = new[] { "first secret word", "second secret word" }.Select(word => KeySlots.ForPassphrase(key, "label", word, _clock.GetUtcNow(), iterations: 100_000)).ToList();
        foreach (var slot in slots)
        {
            await store.AddKeySlotAsync(slot, _token).WithinDeadline();
        }

        await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token, ContentKeys.Of(key)).WithinDeadline();
        await store.LockPointAsync("point-job-0", Week, _token).WithinDeadline();
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.RemoveKeySlotAsync(slots[0].Id, _token).WithinDeadline());
        Assert.Equal(RepositoryError.PointLocked, error.Error);
        _clock.Pass(Week);
        Assert.True(await store.RemoveKeySlotAsync(slots[0].Id, _token).WithinDeadline());
    }

    private async Task LockInOneLifeAsync()
    {
        await using var store = await CreateAsync();
        await BackUpAsync(store, "job-0");
        await store.LockPointAsync("point-job-0", Week, _token).WithinDeadline();
    }

    private async Task<RepositoryStore> CreateAsync()
    {
        await RepositoryStore.CreateAsync(_storage, TestRepository.Parameters(), _token);
        return await OpenAsync();
    }

    private Task<RepositoryStore> OpenAsync() => TestRepository.OpenAsync(_storage, _token, timeProvider: _clock);

    private Task BackUpAsync(RepositoryStore store, string job) => store.BackUpAsync(job, Disk, Disk.DataExtents(), null, _token).WithinDeadline();

    private async Task AssertLockedAsync(RepositoryStore store, string pointId)
    {
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.RemovePointAsync(pointId, _token).WithinDeadline());
        Assert.Equal(RepositoryError.PointLocked, error.Error);
        Assert.NotNull(store.FindPoint(pointId));
    }
}
