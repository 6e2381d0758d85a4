// SPDX-License-Identifier: Apache-2.0

using System.Buffers;

namespace OvirtDistributed.Hosting.Mover;

/// <summary>
/// The data message of <c>PutFrames</c> and <c>ReadFrames</c>. On the wire it is the message of the .proto; in memory its bytes are
/// a slice of a buffer, because the generated type copies them into a new array and every message over 85 kB would land on the large object heap.
/// </summary>
/// <remarks>
/// A received message owns a pooled buffer until <see cref="Release"/>. A message to send only borrows: its memory may change
/// as soon as the task of the write has completed, and one instance serves a whole stream.
/// </remarks>
public sealed class FrameMessage
{
    private byte[]? _rented;

    /// <summary>Session the stream belongs to. Sent in the first message only; empty otherwise.</summary>
    public string SessionId { get; set; } = "";

    /// <summary>Bytes of the frame stream. Not valid after <see cref="Release"/>.</summary>
    public ReadOnlyMemory<byte> Data { get; set; }

    /// <summary>Gives a received message's buffer back. Harmless when called twice or on a message to send.</summary>
    public void Release()
    {
        // At once: a buffer that two callers return is handed to two owners, and they overwrite each other.
        var rented = Interlocked.Exchange(ref _rented, null);
        Data = default;
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    internal void TakeCopy(ReadOnlySequence<byte> data)
    {
        Release(); // a repeated field: the last one counts, as in every protobuf reader
        var length = checked((int)data.Length);
        if (length == 0)
        {
            return;
        }

        _rented = ArrayPool<byte>.Shared.Rent(length);
        data.CopyTo(_rented);
        Data = _rented.AsMemory(0, length);
    }
}
