// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Memory;

namespace OvirtDistributed.Repository.Reading;

/// <summary>The next part of a disk image: proven data, or zeros. Disposed by the consumer, which gives the buffer back to the reader.</summary>
public sealed class ImageExtent : IDisposable
{
    private readonly int _dataLength;
    private readonly PageBufferPool? _buffers;
    private PageBuffer? _buffer;
    private SemaphoreSlim? _slots;

    internal ImageExtent(long offset, long length)
    {
        Offset = offset;
        Length = length;
        IsZero = true;
    }

    internal ImageExtent(long offset, int length, PageBuffer buffer, PageBufferPool buffers, SemaphoreSlim slots)
    {
        Offset = offset;
        Length = length;
        _dataLength = length;
        _buffer = buffer;
        _buffers = buffers;
        _slots = slots;
    }

    /// <summary>First byte of the disk.</summary>
    public long Offset { get; }

    /// <summary>Bytes of the disk. A zero extent may be terabytes long; a data extent is at most the reader's segment.</summary>
    public long Length { get; }

    /// <summary>True when the range reads as zeros; there is no data then.</summary>
    public bool IsZero { get; }

    /// <summary>The bytes of a data extent; every chunk's digest was checked. Begins at a page of memory. Valid until the extent is disposed.</summary>
    public ReadOnlyMemory<byte> Data => _buffer is null ? default : _buffer.Memory[.._dataLength];

    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, null);
        if (buffer is not null)
        {
            _buffers!.Return(buffer);
            Interlocked.Exchange(ref _slots, null)?.Release();
        }
    }
}
