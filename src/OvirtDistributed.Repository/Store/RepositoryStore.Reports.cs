// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store;

/// <content>What readers report (DESIGN.md, damage).</content>
public sealed partial class RepositoryStore
{
    /// <summary>Reports one read session may make. A disk with more bad chunks is reported by further verifications.</summary>
    public const int MostReportsPerSession = 1000;

    /// <summary>Frames that may stand reported and not proven at a time, in the whole repository: who lies can make so many be sent again, and no more.</summary>
    public const int MostReportedFrames = 16 << 10;

    /// <summary>
    /// Takes a reader's word that chunks of its point do not have the content their digests say. They are sent again by the next backup; until then they
    /// are served as before, because the reader may lie. Where the content can be proven here it is, and the report counts for nothing.
    /// </summary>
    /// <param name="session">The reader's.</param>
    /// <param name="diskId">A disk of its point.</param>
    /// <param name="page">The map page of the disk that names the chunks: others are ignored.</param>
    /// <param name="chunks">Their digests.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many were noted, durably.</returns>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>; <see cref="RepositoryError.InvalidArgument"/> beyond the disk or the limits.</exception>
    public async Task<int> ReportBadContentAsync(
        ReadSession session, string diskId, long page, IReadOnlyCollection<ChunkDigest> chunks, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var root = session.Manifest.Disks.FirstOrDefault(disk => disk.DiskId == diskId)?.Root
            ?? throw new RepositoryException(RepositoryError.NotFound, $"point {session.Point.PointId} has no disk {diskId}");
        if (page < 0 || page >= MapGeometry.PageCount(root.DiskSize))
        {
            throw RepositoryException.Invalid($"page {page}: the disk has {MapGeometry.PageCount(root.DiskSize)} pages");
        }

        session.CountReports(chunks.Count, MostReportsPerSession);
        var named = await NamedByAsync(root, page, cancellationToken);
        var items = new List<QuarantineItem>();
        foreach (var chunk in chunks.Where(named.Contains))
        {
            if (await JudgeAsync(chunk, session.Point.PointId, cancellationToken) is { } item)
            {
                items.Add(item);
            }
        }

        if (_state.Packs.ReportedCount + items.Count > MostReportedFrames)
        {
            throw RepositoryException.Invalid(
                $"reports of bad content: {_state.Packs.ReportedCount} stand already, at most {MostReportedFrames}; back the disks up again and collect garbage");
        }

        await _quarantine.AddAsync(items, cancellationToken);
        foreach (var item in items)
        {
            Log.DamageFound(_logger, item.Kind.ToString(), item.Digest.ToString(), Packs.PackFormat.NameOf(item.Pack), item.Offset, item.Reason);
        }

        return items.Count;
    }

    private async Task<HashSet<ChunkDigest>> NamedByAsync(DiskRoot root, long page, CancellationToken cancellationToken)
    {
        var named = new HashSet<ChunkDigest>();
        using var walker = new MapWalker(root, _context.Reader, Keys);
        var range = new DiskRange(page * MapGeometry.PageBytes, MapGeometry.PageLength(page, root.DiskSize));
        await foreach (var piece in walker.WalkAsync(range, cancellationToken))
        {
            if (!piece.IsZero)
            {
                named.Add(piece.Digest);
            }
        }

        return named;
    }

    /// <summary>Null when there is nothing to note: it is noted already, or proven to be whole.</summary>
    private async Task<QuarantineItem?> JudgeAsync(ChunkDigest chunk, string pointId, CancellationToken cancellationToken)
    {
        if (!_state.Index.TryFind(chunk, out var entry) || entry.Kind != FrameKind.Chunk
            || await _context.Reader.ReadProvenAtAsync(entry, chunk, cancellationToken) is not { } frame)
        {
            return null;
        }

        if (!Keys.CanProve)
        {
            return ToItem(chunk, entry, $"a reader of point {pointId} found other content than its digest says", byReader: true);
        }

        using var decoder = new FrameDecoder(Keys);
        return ContentCheck.Holds(frame, chunk, decoder) ? null : ToItem(chunk, entry, "its content has another digest", byReader: false);
    }

    private static QuarantineItem ToItem(in ChunkDigest chunk, in IndexEntry entry, string reason, bool byReader) =>
        new() { Digest = chunk, Kind = entry.Kind, Pack = entry.Pack, Offset = entry.Offset, Reason = reason, ByReader = byReader };
}
