// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using OvirtDistributed.Repository.Memory;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Storage;

public sealed class DirectFileTests : IDisposable
{
    private const int Bytes = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0, 0, Bytes)]
    [InlineData(4096, 8192, 65_536)]
    [InlineData(4096, 100, 4096)]
    [InlineData(777, 0, 4096)]
    [InlineData(Bytes - 300, 0, 300)]
    public async Task Written_IsReadBackWhateverItsAlignment(long offset, int start, int length)
    {
        using IMemoryOwner<byte> buffer = new PageBuffer(Bytes);
        Random.Shared.NextBytes(buffer.Memory.Span);
        var data = buffer.Memory.Slice(start, length);
        using var handle = File.OpenHandle(_directory.File("disk"), FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(handle, Bytes);
        using var file = new DirectFile(handle, FileAccess.ReadWrite);

        await file.WriteAsync(offset, data, CancellationToken.None).AsTask().WithinDeadline();

        Assert.Equal(Bytes, RandomAccess.GetLength(handle));
        using IMemoryOwner<byte> again = new PageBuffer(Bytes);
        var read = await file.ReadAsync(offset, again.Memory[..length], CancellationToken.None).AsTask().WithinDeadline();
        Assert.Equal(length, read);
        Assert.True(again.Memory.Span[..length].SequenceEqual(data.Span));
        var through = new byte[length];
        RandomAccess.Read(handle, through, offset);
        Assert.True(through.AsSpan().SequenceEqual(data.Span));
    }

    [Fact]
    public async Task WholePages_DoNotEnterThePageCache()
    {
        using IMemoryOwner<byte> buffer = new PageBuffer(Bytes);
        Random.Shared.NextBytes(buffer.Memory.Span);
        using var handle = File.OpenHandle(_directory.File("disk"), FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(handle, Bytes);
        using var file = new DirectFile(handle, FileAccess.ReadWrite);
        Assert.True(file.IsDirect, "The temporary directory is on a file system without direct I/O: set TMPDIR to one on a disk.");

        await file.WriteAsync(0, buffer.Memory, CancellationToken.None).AsTask().WithinDeadline();

        Assert.True(file.IsDirect);
        Assert.Equal(0, PageCache.ResidentPages(handle, Bytes));
        await file.WriteAsync(0, buffer.Memory.ToArray(), CancellationToken.None).AsTask().WithinDeadline();
        Assert.Equal(Bytes / PageBuffer.PageBytes, PageCache.ResidentPages(handle, Bytes));
    }

    [Fact]
    public async Task FileSystemWithoutDirectAccess_GoesThroughTheCache()
    {
        // A file of procfs can be opened again, but never directly.
        using var handle = File.OpenHandle("/proc/self/comm", FileMode.Open, FileAccess.Read);
        using var file = new DirectFile(handle, FileAccess.Read);
        Assert.False(file.IsDirect);

        using IMemoryOwner<byte> buffer = new PageBuffer(PageBuffer.PageBytes);
        Assert.NotEqual(0, await file.ReadAsync(0, buffer.Memory, CancellationToken.None).AsTask().WithinDeadline());
    }
}
