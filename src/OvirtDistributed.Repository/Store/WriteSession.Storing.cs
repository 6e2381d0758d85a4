// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store;

/// <content>From checked frames to a pack.</content>
public sealed partial class WriteSession
{
    private void FindStored(List<FramePart> parts, bool[] skip)
    {
        Span<ChunkDigest> digests = stackalloc ChunkDigest[32];
        Span<IndexEntry> found = stackalloc IndexEntry[32];
        for (var start = 0; start < parts.Count; start += digests.Length)
        {
            var count = Math.Min(digests.Length, parts.Count - start);
            for (var i = 0; i < count; i++)
            {
                digests[i] = parts[start + i].Header.Digest;
            }

            _context.Packs.Index.Find(digests[..count], found[..count]);
            for (var i = 0; i < count; i++)
            {
                skip[start + i] = (!found[i].IsNone && Hold(found[i])) || (_writer?.IsPending(digests[i]) ?? false);
            }
        }
    }

    private void Pin(uint pack)
    {
        lock (_gate)
        {
            _pins.Add(pack);
        }

        _context.Packs.Packs.Touch(pack);
    }

    /// <summary>Pins the frame's pack; false when it stopped counting meanwhile.</summary>
    private bool Hold(IndexEntry entry)
    {
        Pin(entry.Pack);
        return _context.Packs.Packs.Hold(entry);
    }

    private async ValueTask AppendAsync(ReadOnlyMemory<byte> buffer, List<FramePart> parts, bool[] skip, CancellationToken cancellationToken)
    {
        for (var first = 0; first < parts.Count;)
        {
            if (skip[first])
            {
                first++;
                continue;
            }

            var writer = await WriterForAsync(parts[first].Length, cancellationToken);
            var next = first + 1;
            while (next < parts.Count && !skip[next] && writer.HasRoom(parts[next].End - parts[first].Start, next - first + 1))
            {
                next++;
            }

            await writer.AppendAsync(buffer, parts, first, next - first, cancellationToken);
            first = next;
        }
    }

    private async ValueTask<PackWriter> WriterForAsync(int length, CancellationToken cancellationToken)
    {
        if (_writer is not null && (_writer.HasFailed || !_writer.HasRoom(length, 1)))
        {
            var full = _writer;
            _writer = null;
            try
            {
                await _context.Pool.RetireAsync(full, cancellationToken);
            }
            finally
            {
                FailStreamsOf(full);
            }
        }

        if (_writer is null)
        {
            _writer = await _context.Pool.AcquireAsync(length, cancellationToken);
            Pin(_writer.Number);
            await NotePackAsync(_writer.Number);
        }

        return _writer;
    }

    /// <summary>
    /// What a failed pack had not flushed is lost, and any stream may have put it there: none may have it acknowledged by the pack that comes next
    /// (invariant 3).
    /// </summary>
    private void FailStreamsOf(PackWriter left)
    {
        // Closing gives every writer a failure; a sealed one has lost nothing.
        if (left.IsSealed || left.Failure is not { } failure)
        {
            return;
        }

        FrameStream[] streams;
        lock (_gate)
        {
            streams = [.. _streams];
        }

        foreach (var stream in streams)
        {
            stream.OnFailed(failure);
        }
    }

    private async ValueTask NotePackAsync(uint number)
    {
        await _journaling.WaitAsync(CancellationToken.None);
        try
        {
            await _journal.AppendPackAsync(number, CancellationToken.None);
        }
        finally
        {
            _journaling.Release();
        }
    }

    private async ValueTask HoldBackAsync(CancellationToken cancellationToken)
    {
        if (_writer is { } writer && writer.UnflushedBytes > 2L * _context.Packs.Options.FlushBytes)
        {
            await writer.FlushAsync(cancellationToken);
        }
    }
}
