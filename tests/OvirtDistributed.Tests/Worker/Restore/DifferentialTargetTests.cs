// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Restore;
using OvirtDistributed.Worker.Transports;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Restore;

public sealed class DifferentialTargetTests
{
    private const int Size = (5 << 20) + 12_288;
    private const int Grain = 64 << 10;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task RandomChanges_TheDiskBecomesTheImageAndOnlyGrainsThatDifferAreWritten(int seed)
    {
        var random = new Random(seed);
        var image = new byte[Size];
        random.NextBytes(image.AsSpan(0, 3 << 20));
        var disk = new MemoryDisk([.. image]);
        for (var i = 0; i < 20; i++)
        {
            disk.Content[random.Next(Size)] ^= 0x55;
        }

        var different = Enumerable.Range(0, (Size + Grain - 1) / Grain)
            .Count(grain => !image.AsSpan(grain * Grain, Math.Min(Grain, Size - (grain * Grain))).SequenceEqual(disk.Content.AsSpan(grain * Grain, Math.Min(Grain, Size - (grain * Grain)))));
        var meter = new TransferMeter(TimeProvider.System);
        var target = new DifferentialTarget(disk, meter);

        for (var at = 0; at < 3 << 20; at += 3 << 19)
        {
            await target.WriteAsync(at, image.AsMemory(at, 3 << 19), TestContext.Current.CancellationToken);
        }

        await target.ZeroAsync(3 << 20, Size - (3 << 20), TestContext.Current.CancellationToken);

        Assert.True(image.AsSpan().SequenceEqual(disk.Content));
        var statistics = meter.ToStatistics();
        Assert.Equal(Size, statistics.ReadBytes);
        Assert.Equal(disk.Written, statistics.WrittenBytes);
        Assert.InRange(disk.Written, ((different - 1) * (long)Grain) + 1, different * (long)Grain);
        Assert.True(disk.Zeroed > 0, $"nothing was zeroed with seed {seed}");
    }

    [Fact]
    public async Task NothingDiffers_NothingIsWritten()
    {
        var disk = new MemoryDisk(new byte[Size]);
        new Random(7).NextBytes(disk.Content.AsSpan(0, 1 << 20));
        var target = new DifferentialTarget(disk, new TransferMeter(TimeProvider.System));

        await target.WriteAsync(0, disk.Content.AsMemory(0, 1 << 20), TestContext.Current.CancellationToken);
        await target.ZeroAsync(1 << 20, Size - (1 << 20), TestContext.Current.CancellationToken);

        Assert.Equal(0, disk.Written);
    }

    private sealed class MemoryDisk(byte[] content) : IReadableTarget
    {
        public byte[] Content { get; } = content;

        public long Written { get; private set; }

        public long Zeroed { get; private set; }

        public int Connections => 1;

        public string Route => "memory";

        public bool CanZero => true;

        public bool CanChecksum => false;

        public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
        {
            Content.AsMemory((int)offset, destination.Length).CopyTo(destination);
            return Task.CompletedTask;
        }

        public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
        {
            data.CopyTo(Content.AsMemory((int)offset));
            Written += data.Length;
            return Task.CompletedTask;
        }

        public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken)
        {
            Content.AsSpan((int)offset, (int)length).Clear();
            Written += length;
            Zeroed += length;
            return Task.CompletedTask;
        }

        public Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<long> GetSizeAsync(CancellationToken cancellationToken) => Task.FromResult((long)Content.Length);

        public Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
