// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Commands;

/// <summary>The last bytes of what a program writes, from both of its streams in the order in which they come.</summary>
internal sealed class OutputTail
{
    public const int Capacity = 64 << 10;

    private readonly byte[] _ring = new byte[Capacity];
    private readonly Lock _lock = new();
    private long _written;

    public bool IsCut
    {
        get
        {
            lock (_lock)
            {
                return _written > Capacity;
            }
        }
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">What a program writes.</param>
    /// <param name="cancellationToken">Ends it before.</param>
    /// <param name="also">Gets the same.</param>
    public async Task ReadAsync(Stream stream, CancellationToken cancellationToken, OutputTail? also = null)
    {
        var buffer = new byte[8 << 10];
        while (await stream.ReadAsync(buffer, cancellationToken) is var count and > 0)
        {
            Add(buffer.AsSpan(0, count));
            also?.Add(buffer.AsSpan(0, count));
        }
    }

    public byte[] ToArray()
    {
        lock (_lock)
        {
            if (_written <= Capacity)
            {
                return _ring[..(int)_written];
            }

            var start = (int)(_written % Capacity);
            return [.. _ring[start..], .. _ring[..start]];
        }
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            foreach (var value in bytes)
            {
                _ring[_written++ % Capacity] = value;
            }
        }
    }
}
