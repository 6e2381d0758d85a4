// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

/// <summary>
/// Collects what is appended, and writes it as one part with each flush, or when a part is full. A part is only ever created, never replaced,
/// so two processes cannot both append: the second finds its part's name taken.
/// </summary>
internal sealed class S3Appender : IStorageAppender
{
    /// <summary>A part is written without a flush when it has this size. One append is never spread over parts.</summary>
    public const int PartBytes = 16 << 20;

    private readonly S3Storage _storage;
    private readonly string _name;
    private readonly SemaphoreSlim _writing = new(1, 1);

    // Under the gate: the part being collected, and before it the one being written. Both stay readable until they are stored.
    private readonly Lock _gate = new();
    private byte[] _buffer = [];
    private int _collected;
    private byte[] _sendingBuffer = [];
    private int _sending;
    private string _token = "";
    private long _stored;
    private bool _disposed;
    private Exception? _failure;

    public S3Appender(S3Storage storage, string name, long length)
    {
        _storage = storage;
        _name = name;
        _stored = length;
    }

    public long Length
    {
        get
        {
            lock (_gate)
            {
                return _stored + _sending + _collected;
            }
        }
    }

    public async ValueTask AppendAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        ThrowIfFailed();
        if (IsFullWith(content.Length))
        {
            await WriteAsync(cancellationToken);
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Reserve(_collected + content.Length);
            content.CopyTo(_buffer.AsMemory(_collected));
            _collected += content.Length;
        }
    }

    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        ThrowIfFailed();
        try
        {
            await WriteAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            _failure ??= exception;
            Abandon();
            throw;
        }
    }

    /// <summary>Copies what is appended and not stored yet, for readers of the same process.</summary>
    public int CopyUnstored(long offset, Span<byte> buffer)
    {
        lock (_gate)
        {
            var total = CopyFrom(_sendingBuffer.AsSpan(0, _sending), offset - _stored, buffer);
            return total + CopyFrom(_buffer.AsSpan(0, _collected), offset + total - _stored - _sending, buffer[total..]);
        }
    }

    /// <summary>What was not flushed is given up, as by a crash.</summary>
    public ValueTask DisposeAsync()
    {
        Abandon();
        return ValueTask.CompletedTask;
    }

    private void Abandon()
    {
        lock (_gate)
        {
            // Not given back to the pool: a write that was broken off may still look at them.
            _disposed = true;
            _buffer = _sendingBuffer = [];
            _collected = _sending = 0;
        }

        _storage.Forget(_name, this);
    }

    private static int CopyFrom(ReadOnlySpan<byte> source, long offset, Span<byte> buffer)
    {
        if (offset < 0 || offset >= source.Length)
        {
            return 0;
        }

        var count = Math.Min(buffer.Length, source.Length - (int)offset);
        source.Slice((int)offset, count).CopyTo(buffer);
        return count;
    }

    private bool IsFullWith(int length)
    {
        lock (_gate)
        {
            return _collected > 0 && (long)_collected + length > PartBytes;
        }
    }

    // One part after the other, so that what is stored has no gap. A part whose write failed is written again as it was: it may have arrived after all.
    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            for (var parts = PartsToWrite(); parts > 0; parts--)
            {
                var (offset, content, token) = NextPart();
                if (content.Length > 0)
                {
                    await _storage.WritePartAsync(_name, offset, content, token, cancellationToken);
                    PartIsStored(content.Length);
                }
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    // What an earlier attempt left, and what was collected since.
    private int PartsToWrite()
    {
        lock (_gate)
        {
            return _sending == 0 ? 1 : 2;
        }
    }

    private (long Offset, ReadOnlyMemory<byte> Content, string Token) NextPart()
    {
        lock (_gate)
        {
            if (_sending == 0)
            {
                (_sendingBuffer, _sending, _token) = (_buffer, _collected, S3Bucket.NewToken());
                (_buffer, _collected) = ([], 0);
            }

            return (_stored, _sendingBuffer.AsMemory(0, _sending), _token);
        }
    }

    private void PartIsStored(int length)
    {
        byte[] free;
        lock (_gate)
        {
            _stored += length;
            free = _sendingBuffer;
            (_sendingBuffer, _sending) = ([], 0);
        }

        if (free.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(free);
        }
    }

    private void Reserve(int length)
    {
        if (length <= _buffer.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(length, Math.Min(Math.Max(_buffer.Length * 2, 4096), PartBytes)));
        _buffer.AsSpan(0, _collected).CopyTo(larger);
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = larger;
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new RepositoryException(
                (failure as RepositoryException)?.Error ?? RepositoryError.Unavailable, $"{_name}: given up after a failed flush: {failure.Message}", failure);
        }
    }
}
