// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <content>Frames that come from a copy in place of damaged ones.</content>
public sealed partial class RepositoryStore
{
    /// <summary>
    /// Stores frames of a point again whose stored form is damaged or gone; durable on return. What is whole stays as it is. All points that
    /// use them heal.
    /// </summary>
    /// <param name="frames">Encoded frames of chunks, pages and nodes.</param>
    /// <param name="contentIsWrong">
    /// The caller, who has the key, found that the stored frames decode to other content. Where this store cannot prove content it is taken at its word
    /// for chunks, for <see cref="MostReportsPerSession"/> of them, and only while no point is locked: who lies must not be able to destroy much, nor
    /// anything that is locked. The old frame is given up only once the new one is durable.
    /// </param>
    /// <param name="reader">Whose session it is; null for who has the storage anyway.</param>
    /// <param name="cancellationToken">Gives up; what was stored stays.</param>
    /// <returns>What became of each.</returns>
    /// <exception cref="RepositoryException">A frame does not hold.</exception>
    public async Task<IReadOnlyList<FrameRepair>> RepairAsync(
        IReadOnlyList<ReadOnlyMemory<byte>> frames, bool contentIsWrong, ReadSession? reader, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var results = new List<FrameRepair>(frames.Count);
        using var check = new FrameCheck(Keys, verifyChunks: true, Parameters.Chunker.MaximumSize);
        foreach (var frame in frames)
        {
            results.Add(await RepairAsync(frame, check, contentIsWrong, reader, cancellationToken));
        }

        return results;
    }

    /// <summary>The length of a frame's content as far as the index remembers it, also of a frame that is lost; 0 when it does not.</summary>
    public int RememberedLength(ChunkDigest digest)
    {
        ThrowIfClosed();
        return _state.Index.TryFindAny(digest, out var entry) ? entry.PlainLength : 0;
    }

    private async Task<FrameRepair> RepairAsync(
        ReadOnlyMemory<byte> frame, FrameCheck check, bool contentIsWrong, ReadSession? reader, CancellationToken cancellationToken)
    {
        var header = FrameHeader.Read(frame.Span);
        if (header.FrameLength != frame.Length || header.Kind == FrameKind.Metadata)
        {
            throw RepositoryException.Invalid($"frame {header.Digest}: a {header.Kind} of {header.FrameLength} bytes in {frame.Length} repairs nothing");
        }

        check.Check(frame.Span, header);
        var isKnown = _state.Index.TryFind(header.Digest, out var old) && _state.Packs.Hold(old);
        if (isKnown && await IsWholeAsync(old, header, contentIsWrong && IsTakenAtItsWord(header, reader), cancellationToken))
        {
            return FrameRepair.WasWhole;
        }

        var writer = await _context.Pool.AcquireAsync(frame.Length, cancellationToken);
        try
        {
            _state.Packs.Touch(writer.Number);
            await writer.AppendAsync(frame, [new FramePart(0, header)], 0, 1, cancellationToken);
            await writer.FlushAsync(cancellationToken);
        }
        finally
        {
            _context.Pool.Return(writer);
        }

        if (isKnown && _state.Packs.IsUsable(old))
        {
            var item = new QuarantineItem { Digest = header.Digest, Kind = old.Kind, Pack = old.Pack, Offset = old.Offset, Reason = "its content is another one, found by a reader with the key" };
            await _quarantine.AddAsync([item], CancellationToken.None);
        }

        Log.FrameRepaired(_logger, header.Kind.ToString(), header.Digest.ToString(), PackFormat.NameOf(writer.Number));
        return FrameRepair.Stored;
    }

    private bool IsTakenAtItsWord(FrameHeader header, ReadSession? reader)
    {
        // A wrong map node would have garbage collection miss all below it. Where content can be proven nobody's word counts anyway.
        if (Keys.CanProve || header.Kind != FrameKind.Chunk || _state.Locks.All.Any(record => LockedUntil(record.PointId) is not null))
        {
            return false;
        }

        reader?.CountReports(1, MostReportsPerSession);
        return true;
    }

    /// <summary>Looks at the stored frame itself: what does not hold is quarantined by the look.</summary>
    private async Task<bool> IsWholeAsync(IndexEntry entry, FrameHeader wanted, bool contentIsWrong, CancellationToken cancellationToken)
    {
        byte[]? stored;
        try
        {
            stored = await _context.Reader.ReadProvenAtAsync(entry, wanted.Digest, cancellationToken);
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            OnDamageSeen(wanted.Digest, entry, failure.Message); // the pack is gone
            return false;
        }

        if (stored is null)
        {
            return false;
        }

        if (FrameHeader.Read(stored).Flags.HasFlag(FrameFlags.Encrypted))
        {
            return !contentIsWrong;
        }

        var plain = ArrayPool<byte>.Shared.Rent(FrameHeader.MaxPlainLength);
        try
        {
            using var decoder = new FrameDecoder(Keys);
            decoder.Decode(stored, wanted.Digest, wanted.Kind, plain);
            return !contentIsWrong || Keys.CanProve;
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            OnDamageSeen(wanted.Digest, entry, failure.Message);
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}
