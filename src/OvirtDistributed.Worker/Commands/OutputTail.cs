// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Commands;

/// <summary>The last bytes of what a program writes, from both of its streams in the order in which they come.</summary>
internal sealed class OutputTail
{
    public const int Capacity = 64 << 10;

    // A process that left the command's group may hold the pipes open for ever.
    private static readonly TimeSpan PatienceForOutput = TimeSpan.FromSeconds(2);

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

    /// <summary>Waits a moment for what an ended program has still in its pipes, then gives up reading them.</summary>
    /// <param name="reading">All <see cref="ReadAsync"/> of the program.</param>
    /// <param name="stop">Ends them.</param>
    /// <param name="time">Clock.</param>
    public static async Task DrainAsync(Task reading, CancellationTokenSource stop, TimeProvider time)
    {
        try
        {
            await reading.WaitAsync(PatienceForOutput, time);
        }
        catch (TimeoutException)
        {
            await stop.CancelAsync();
        }
        catch (IOException)
        {
            // The pipe broke: what came before counts.
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
