// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Maps;

/// <summary>What the maps of two points say about what changed between them.</summary>
public sealed class DiskDifferenceTests : IAsyncDisposable
{
    private const int MiB = 1 << 20;

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task EveryByteThatDiffers_IsInAChangedRangeAndTheRestIsLeftAlone(int seed)
    {
        var random = new Random(seed);
        var before = new TestDisk(100 * MiB);
        var after = new TestDisk(100 * MiB);
        for (var i = 0; i < 6; i++)
        {
            var (at, length) = (random.Next(90) * MiB, random.Next(1, 6) * MiB);
            before.Fill(at, length, seed + i);
            after.Fill(at, length, seed + i);
        }

        after.Fill(random.Next(90) * MiB, 2 * MiB, seed + 100);
        after.Content.AsSpan(random.Next(80) * MiB, 8 * MiB).Clear();

        var ranges = await CompareAsync(before, after);

        var unchanged = 0L;
        foreach (var range in ranges)
        {
            var (at, length) = ((int)range.Offset, (int)range.Length);
            if (!range.IsChanged)
            {
                unchanged += length;
                Assert.True(before.Content.AsSpan(at, length).SequenceEqual(after.Content.AsSpan(at, length)), $"{at}+{length} differs");
            }
            else if (range.IsZero)
            {
                Assert.False(after.Content.AsSpan(at, length).ContainsAnyExcept((byte)0));
            }
        }

        Assert.True(unchanged > 30L * MiB, $"only {unchanged} bytes were found unchanged");
    }

    [Fact]
    public async Task SameDisk_HasNotChanged()
    {
        var disk = new TestDisk(40 * MiB).Fill(3 * MiB, 2 * MiB, 1);
        Assert.Equal(new DifferenceRange(0, 40 * MiB, IsZero: false, IsChanged: false), Assert.Single(await CompareAsync(disk, disk)));
    }

    [Theory]
    [InlineData(33)]
    [InlineData(40)]
    [InlineData(32)]
    public async Task GrownDisk_WhatIsNewHasChanged(int size)
    {
        var before = new TestDisk(20 * MiB).Fill(0, MiB, 1);
        var after = new TestDisk(size * MiB).Fill(0, MiB, 1).Fill(25 * MiB, MiB, 2);
        var ranges = await CompareAsync(before, after);
        Assert.All(ranges.Where(range => range.Offset + range.Length > 20 * MiB && range.Offset >= 20 * MiB), range => Assert.True(range.IsChanged));
        Assert.Contains(ranges, range => range.IsChanged && range.Offset <= 25 * MiB && range.Offset + range.Length >= 26 * MiB && !range.IsZero);
    }

    private async Task<List<DifferenceRange>> CompareAsync(TestDisk before, TestDisk after)
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var first = await store.BackUpAsync("job-0", before, before.DataExtents(), null, _token).WithinDeadline();
        var second = await store.BackUpAsync("job-1", after, after.DataExtents(), null, _token).WithinDeadline();
        await using var firstSession = await store.OpenReadSessionAsync("point-job-0", _token);
        await using var secondSession = await store.OpenReadSessionAsync("point-job-1", _token);
        var ranges = new List<DifferenceRange>();
        var position = 0L;
        await foreach (var range in DiskDifference.ListAsync(second.Root, secondSession, first.Root, firstSession, ContentKeys.Plain, _token))
        {
            Assert.Equal(position, range.Offset);
            position += range.Length;
            ranges.Add(range);
        }

        Assert.Equal(after.Size, position);
        return ranges;
    }
}
