// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using OvirtDistributed.Repository.Memory;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Memory;

public sealed class PageBufferTests
{
    [Fact]
    public unsafe void NewBuffer_BeginsAtAPageAndIsZero()
    {
        using IMemoryOwner<byte> buffer = new PageBuffer(10_000);

        using var pin = buffer.Memory.Pin();
        Assert.Equal(0, (nint)pin.Pointer % PageBuffer.PageBytes);
        Assert.Equal(10_000, buffer.Memory.Length);
        Assert.False(buffer.Memory.Span.ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(0, 8192, true)]
    [InlineData(4096, 4096, true)]
    [InlineData(512, 4096, false)]
    [InlineData(0, 4000, false)]
    public void Part_IsAlignedWhenItIsWholePages(int start, int length, bool aligned)
    {
        using IMemoryOwner<byte> buffer = new PageBuffer(16_384);

        Assert.Equal(aligned, PageBuffer.IsAligned(buffer.Memory.Slice(start, length)));
    }

    [Fact]
    public void Array_IsNeverAligned() => Assert.False(PageBuffer.IsAligned(new byte[8192]));

    [Fact]
    public void Disposed_RefusesToBeRead()
    {
        var buffer = new PageBuffer(4096);
        var memory = buffer.Memory;

        ((IDisposable)buffer).Dispose();

        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        ((IDisposable)buffer).Dispose();
    }

    [Fact]
    public void Pool_GivesOutWhatCameBackOfTheSameLength()
    {
        using var pool = new PageBufferPool();
        var first = pool.Rent(8192);
        var other = pool.Rent(4096);
        pool.Return(first);
        pool.Return(other);

        Assert.Same(first, pool.Rent(8192));
        Assert.NotSame(first, pool.Rent(8192));
    }

    [Fact]
    public void DisposedPool_FreesWhatItHasAndWhatStillComesBack()
    {
        var pool = new PageBufferPool();
        var returned = pool.Rent(4096);
        var late = pool.Rent(4096);
        pool.Return(returned);

        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => returned.GetSpan().Length);
        Assert.Equal(4096, late.GetSpan().Length);

        pool.Return(late);
        Assert.Throws<ObjectDisposedException>(() => late.GetSpan().Length);
    }
}
