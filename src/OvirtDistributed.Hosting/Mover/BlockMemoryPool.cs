// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Collections.Concurrent;

namespace OvirtDistributed.Hosting.Mover;

/// <summary>
/// Pool of pinned 64 KiB blocks for Kestrel's connections. Its own pool hands out 4 KiB blocks, with which every megabyte of an upload
/// passes 256 times through read, TLS and pipe; 64 KiB ones made uploads half as fast again (1,255 → 1,867 MiB/s without TLS).
/// </summary>
internal sealed class BlockMemoryPool : MemoryPool<byte>
{
    public const int BlockBytes = 64 * 1024;

    private readonly ConcurrentQueue<Block> _free = new();
    private readonly int _keepBlocks;
    private int _freeCount;
    private bool _disposed;

    /// <param name="keepBlocks">Free blocks kept for reuse; more are left to the garbage collector, so that a burst does not stay in memory.</param>
    public BlockMemoryPool(int keepBlocks) => _keepBlocks = keepBlocks;

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_free.TryDequeue(out var block))
        {
            Interlocked.Decrement(ref _freeCount);
            block.Taken();
            return block;
        }

        return new Block(this);
    }

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        _free.Clear();
    }

    private void Return(Block block)
    {
        if (_disposed || Interlocked.Increment(ref _freeCount) > _keepBlocks)
        {
            Interlocked.Decrement(ref _freeCount);
            return;
        }

        _free.Enqueue(block);
    }

    private sealed class Block(BlockMemoryPool pool) : IMemoryOwner<byte>
    {
        // Pinned for good: sockets and TLS pin it at every call otherwise.
        private readonly Memory<byte> _memory = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);
        private int _returned;

        public Memory<byte> Memory => _memory;

        public void Taken() => Volatile.Write(ref _returned, 0);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _returned, 1) == 0)
            {
                pool.Return(this);
            }
        }
    }
}
