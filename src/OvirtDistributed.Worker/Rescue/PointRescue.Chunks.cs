// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Rescue;

/// <content>Chunks from copies that name content otherwise: by the ranges of the disk that they are used for.</content>
internal sealed partial class PointRescue
{
    private const string OnlyAPart = "of a damaged chunk the point uses a part only, so that it cannot be made whole from a copy; the next backup of the VM writes the part again";

    private async Task<bool> TryFillAsync(LostChunk chunk, CancellationToken cancellationToken)
    {
        var whole = own.Lost is null ? await FindWholeAsync(chunk, cancellationToken) : null;
        foreach (var copy in copies)
        {
            if (!copy.IsOut && await TryFillAsync(copy, chunk, whole, cancellationToken))
            {
                return true;
            }
        }

        return false;
    }

    private async Task<bool> TryFillAsync(CopyReader copy, LostChunk chunk, WholeChunk? whole, CancellationToken cancellationToken)
    {
        if (whole is not null && await AssembleAsync(copy, whole, cancellationToken) is { } plain)
        {
            if (own.Keys.Compute(FrameKind.Chunk, plain) == chunk.Digest)
            {
                await TakeAsync(copy, chunk, plain, cancellationToken);
                return true;
            }

            if (whole.IsCertain)
            {
                Distrust(copy, chunk);
                return false;
            }
        }

        foreach (var place in chunk.Places)
        {
            if (!await copy.TryReadAsync(place.Range.Offset, place.Target, cancellationToken))
            {
                return false;
            }
        }

        TakeOnItsWord(copy, chunk);
        return true;
    }

    /// <summary>All places the chunk can be put together from; null when the disk does not use all of it.</summary>
    private async Task<WholeChunk?> FindWholeAsync(LostChunk chunk, CancellationToken cancellationToken)
    {
        var length = await own.DescribeAsync(chunk.Digest, cancellationToken);
        var first = chunk.Places[0];

        // Where it was cut its bytes lie one behind the other; a page's edge may go through it.
        var from = Math.Max(0, first.Range.Offset - first.ChunkOffset);
        var to = Math.Min(own.Opened!.Root.SizeBytes, from + (length > 0 ? length : own.Opened.Parameters.ChunkMaxBytes));
        var places = await own.FindPlacesAsync(chunk.Digest, new DiskRange(from, to - from), cancellationToken)
            ?? [.. chunk.Places.Select(place => new ChunkPlace(place.Range, place.ChunkOffset))];
        var covered = 0L;
        var parts = new List<ChunkPlace>();
        foreach (var place in places.OrderBy(place => place.ChunkOffset))
        {
            if (place.ChunkOffset == covered)
            {
                parts.Add(place);
                covered += place.Range.Length;
            }
        }

        return covered > 0 && covered <= FrameHeader.MaxPlainLength && (length == 0 || covered == length) ? new WholeChunk((int)covered, length > 0, parts) : null;
    }

    private static async Task<byte[]?> AssembleAsync(CopyReader copy, WholeChunk whole, CancellationToken cancellationToken)
    {
        var plain = new byte[whole.Length];
        foreach (var part in whole.Parts)
        {
            if (!await copy.TryReadAsync(part.Range.Offset, plain.AsMemory(part.ChunkOffset, (int)part.Range.Length), cancellationToken))
            {
                return null;
            }
        }

        return plain;
    }

    private async Task TakeAsync(CopyReader copy, LostChunk chunk, byte[] plain, CancellationToken cancellationToken)
    {
        foreach (var place in chunk.Places)
        {
            plain.AsSpan(place.ChunkOffset, place.Target.Length).CopyTo(place.Target.Span);
        }

        // Whatever the old frame is, it was read and did not hold: by the Data Mover, or by the digest.
        var problem = await own.RepairAsync(chunk.Digest, plain, contentIsWrong: true, cancellationToken);
        log.Took(copy.Name, 1, BytesOf(chunk), problem is null ? 1 : 0);
        Log.ChunkTaken(logger, chunk.Digest, chunk.Places[0].Range.Offset, BytesOf(chunk), order, copy.Name, problem ?? "repaired");
        foreach (var place in chunk.Places)
        {
            NoteUnrepaired(place.Range, problem);
        }
    }

    private void TakeOnItsWord(CopyReader copy, LostChunk chunk)
    {
        log.Took(copy.Name, 1, BytesOf(chunk), onItsWord: BytesOf(chunk));
        foreach (var place in chunk.Places)
        {
            NoteUnrepaired(place.Range, OnlyAPart);
        }

        Log.PartTaken(logger, chunk.Digest, chunk.Places[0].Range.Offset, BytesOf(chunk), order, copy.Name);
    }

    /// <summary>A copy whose bytes are not the point's is not asked again; where it was believed already, nothing that was written can be.</summary>
    private void Distrust(CopyReader copy, LostChunk chunk)
    {
        copy.GiveUp($"its bytes at {chunk.Places[0].Range.Offset} are not those of the restore point (chunk {chunk.Digest})");
        Log.CopyRefused(logger, copy.Name, order, copy.Problem);
        if (log.OnWordOf(copy.Name) is > 0 and var believed)
        {
            throw new TaskFailureException(
                FailureCode.RepositoryDamaged,
                $"The copy of restore point '{order.PointId}' in repository '{copy.Name}' is wrong, after {believed} bytes were taken on its word: {copy.Problem.TrimEnd('.')}. Remove that copy and start again.");
        }
    }

    private static long BytesOf(LostChunk chunk) => chunk.Places.Sum(place => place.Range.Length);

    /// <summary>Ranges of the disk that hold a chunk from its first byte on; certain to its last byte where the repository still knows its length.</summary>
    private sealed record WholeChunk(int Length, bool IsCertain, List<ChunkPlace> Parts);
}
