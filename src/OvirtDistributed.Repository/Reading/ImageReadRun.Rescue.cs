// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <content>A segment whose frames did not come, or did not hold.</content>
internal sealed partial class ImageReadRun
{
    private async Task RescueAsync(Segment segment, Memory<byte> content, IImageRescue rescue, RepositoryException failure, CancellationToken cancellationToken)
    {
        try
        {
            // Most are only neighbours of a damaged one: what was under way on the same stream ended with it.
            using var frames = await rescue.FetchAgainAsync(segment.Chunks.ToArray(), failure, cancellationToken);
            Decode(segment, frames, content.Span);
            return;
        }
        catch (RepositoryException again)
        {
            failure = again;
        }

        var lost = new List<LostChunk>();
        for (var chunk = 0; chunk < segment.Chunks.Count; chunk++)
        {
            var wanted = new LostChunk(segment.Chunks[chunk], PlacesOf(segment, chunk, content));
            if (!await TryFindAsync(wanted, rescue, cancellationToken))
            {
                lost.Add(wanted);
            }
        }

        if (lost.Count > 0)
        {
            await rescue.FillAsync(lost, failure, cancellationToken);
        }
    }

    private static async Task<bool> TryFindAsync(LostChunk wanted, IImageRescue rescue, CancellationToken cancellationToken)
    {
        if (await rescue.FindAsync(FrameKind.Chunk, wanted.Digest, wanted.Places[0].Range, cancellationToken) is not { } plain)
        {
            return false;
        }

        foreach (var place in wanted.Places)
        {
            if (place.ChunkOffset + place.Range.Length > plain.Length)
            {
                throw RepositoryException.Damaged($"chunk {wanted.Digest}: it has {plain.Length} bytes, the map uses {place.ChunkOffset}+{place.Range.Length}");
            }

            plain.AsMemory(place.ChunkOffset, place.Target.Length).CopyTo(place.Target);
        }

        return true;
    }

    private static List<LostPlace> PlacesOf(Segment segment, int chunk, Memory<byte> content) =>
    [
        .. segment.Parts.Where(part => part.Chunk == chunk).Select(part =>
            new LostPlace(new DiskRange(segment.Offset + part.Target, part.Length), part.ChunkOffset, content.Slice(part.Target, part.Length))),
    ];
}
