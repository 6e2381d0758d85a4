// SPDX-License-Identifier: Apache-2.0
using System.Buffers;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Encoded frames in pooled memory. Disposed once, by whoever asked for them.</summary>
public sealed class FrameBatch : IDisposable
{
    private readonly ReadOnlyMemory<byte>[] _frames;
    private List<byte[]>? _buffers = [];
    private byte[]? _current;
    private int _used;

    /// <param name="count">Frames of the batch.</param>
    public FrameBatch(int count)
    {
        _frames = new ReadOnlyMemory<byte>[count];
    }

    /// <summary>Frames of the batch.</summary>
    public int Count => _frames.Length;

    /// <summary>The encoded frame for the digest of this position; empty until it was set.</summary>
    public ReadOnlyMemory<byte> this[int index]
    {
        get => _frames[index];
        set => _frames[index] = value;
    }

    /// <summary>Memory that lives as long as the batch, for a source to put frames into.</summary>
    public Memory<byte> Allocate(int length)
    {
        ObjectDisposedException.ThrowIf(_buffers is null, this);
        if (_current is null || _current.Length - _used < length)
        {
            _current = ArrayPool<byte>.Shared.Rent(Math.Max(length, 256 << 10));
            _buffers.Add(_current);
            _used = 0;
        }

        var memory = _current.AsMemory(_used, length);
        _used += length;
        return memory;
    }

    public void Dispose()
    {
        var buffers = _buffers;
        _buffers = null;
        _current = null;
        Array.Clear(_frames);
        foreach (var buffer in buffers ?? [])
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
