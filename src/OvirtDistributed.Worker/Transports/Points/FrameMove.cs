// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;
using OvirtDistributed.Worker.Pipeline;

namespace OvirtDistributed.Worker.Transports.Points;

/// <summary>Asks which of some frames the target lacks, and moves these as they are: fetched, proven, sent. Thread-safe.</summary>
internal sealed class FrameMove(
    PointSource source, BackupSession target, UploadLanes lanes, TransferControl control, RecentDigests recent, FrameCopy copy, bool provesContent)
{
    /// <summary>Moves what is missing.</summary>
    /// <returns>What that was.</returns>
    public async Task<HashSet<ChunkDigest>> RunAsync(FrameKind kind, IReadOnlyList<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        var missing = await AskAsync([.. digests.Where(digest => !recent.Contains(digest))], cancellationToken);
        for (var first = 0; first < missing.Length;)
        {
            var part = missing.AsMemory(first, FrameCopy.BatchOf(missing.Length - first));
            await MoveAsync(kind, part, cancellationToken);
            first += part.Length;
        }

        foreach (var digest in digests)
        {
            recent.Add(digest);
        }

        return [.. missing];
    }

    private async Task<ChunkDigest[]> AskAsync(ChunkDigest[] digests, CancellationToken cancellationToken)
    {
        const int MostAsked = 32 * 1024;
        var missing = new List<ChunkDigest>();
        for (var first = 0; first < digests.Length; first += MostAsked)
        {
            var part = digests.AsMemory(first, Math.Min(MostAsked, digests.Length - first));
            var since = control.Meter.Now();
            var held = await target.HaveAsync(MemoryMarshal.AsBytes(part.Span).ToArray(), cancellationToken);
            control.Meter.Worked(PipelineStage.Have, since);
            for (var i = 0; i < part.Length; i++)
            {
                if ((held[i >> 3] & (1 << (i & 7))) == 0)
                {
                    missing.Add(part.Span[i]);
                }
            }
        }

        return [.. missing];
    }

    private async Task MoveAsync(FrameKind kind, ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        var since = control.Meter.Now();
        using var frames = await source.FetchAsync(digests, cancellationToken);
        since = control.Meter.Worked(PipelineStage.Source, since);
        for (var i = 0; i < digests.Length; i++)
        {
            Prove(frames[i].Span, digests.Span[i], kind);
        }

        control.Meter.Worked(PipelineStage.Hash, since);
        for (var i = 0; i < digests.Length; i++)
        {
            await control.Rate.AcquireAsync(frames[i].Length, cancellationToken);
            control.Meter.AddRead(frames[i].Length);
            await lanes.SendAsync(frames[i], cancellationToken);
        }
    }

    /// <summary>Damage stops here and is not copied. Of content that is not looked at the checksum and the name in the header are proven.</summary>
    private void Prove(ReadOnlySpan<byte> frame, in ChunkDigest digest, FrameKind kind)
    {
        var header = FrameDecoder.CheckIntegrity(frame);
        if (!provesContent && kind == FrameKind.Chunk)
        {
            Require(header.Digest == digest && header.Kind == kind, digest, kind);
            return;
        }

        var plain = ArrayPool<byte>.Shared.Rent(header.PlainLength);
        var decoder = copy.TakeDecoder();
        try
        {
            decoder.Decode(frame, digest, kind, plain.AsSpan(0, header.PlainLength));
        }
        finally
        {
            copy.GiveBack(decoder);
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    private static void Require(bool holds, in ChunkDigest digest, FrameKind kind)
    {
        if (!holds)
        {
            throw new Repository.RepositoryException(Repository.RepositoryError.Damaged, $"frame: {kind} {digest} was asked for, another one came");
        }
    }
}
