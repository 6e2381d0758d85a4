// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>
/// Where a <see cref="DiskImageReader"/> turns when its own source fails: the same repository once more, and copies of the point elsewhere.
/// Called only for what failed, so it may allocate. Safe for concurrent calls.
/// </summary>
public interface IImageRescue
{
    /// <summary>Fetches frames once more, undisturbed by what else was under way: a damaged frame ends the stream of its neighbours too.</summary>
    /// <param name="digests">At most <see cref="IFrameSource.MaxBatch"/>.</param>
    /// <param name="failure">What the first fetch ended with.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RepositoryException">It failed again.</exception>
    Task<FrameBatch> FetchAgainAsync(ReadOnlyMemory<ChunkDigest> digests, RepositoryException failure, CancellationToken cancellationToken);

    /// <summary>One frame's content by its name, from whoever has it.</summary>
    /// <param name="kind">Of the frame.</param>
    /// <param name="digest">Its name.</param>
    /// <param name="range">What of the disk needs it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Content that this digest proves; null when nobody has it under this name.</returns>
    Task<byte[]?> FindAsync(FrameKind kind, ChunkDigest digest, DiskRange range, CancellationToken cancellationToken);

    /// <summary>Fills in the bytes of chunks that nobody has under their names.</summary>
    /// <param name="lost">The chunks, and where their bytes go.</param>
    /// <param name="failure">Why they are not there.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="Exception">Nobody has the bytes: the implementation's own, to be shown as it is.</exception>
    Task FillAsync(IReadOnlyList<LostChunk> lost, RepositoryException failure, CancellationToken cancellationToken);

    /// <summary>The layout of a range whose map page, or a node above it, nobody has under its name.</summary>
    /// <param name="range">Within one page.</param>
    /// <param name="failure">Why it is not there.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="Exception">As for <see cref="FillAsync"/>.</exception>
    Task<IReadOnlyList<ImageRange>> ListAsync(DiskRange range, RepositoryException failure, CancellationToken cancellationToken);

    /// <summary>The bytes of a range that <see cref="ListAsync"/> called data.</summary>
    /// <exception cref="Exception">As for <see cref="FillAsync"/>.</exception>
    Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken);
}

/// <summary>A chunk that cannot be had under its name.</summary>
/// <param name="Digest">Its name.</param>
/// <param name="Places">What the disk uses of it here, each with the memory that the bytes belong into.</param>
public sealed record LostChunk(ChunkDigest Digest, IReadOnlyList<LostPlace> Places);

/// <summary>A range of the disk, where in the chunk its bytes are, and where they go.</summary>
public readonly record struct LostPlace(DiskRange Range, int ChunkOffset, Memory<byte> Target);

/// <summary>A range of the disk that uses a chunk, and the part of the chunk it uses.</summary>
public readonly record struct ChunkPlace(DiskRange Range, int ChunkOffset);
