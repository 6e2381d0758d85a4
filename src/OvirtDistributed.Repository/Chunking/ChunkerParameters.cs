// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;

namespace OvirtDistributed.Repository.Chunking;

/// <summary>How disks are cut. Fixed when a repository is created: two writers that differ would share nothing.</summary>
public sealed record ChunkerParameters
{
    /// <summary>Bytes of salt.</summary>
    public const int SaltLength = 32;

    /// <summary>Keys the cut decision, so that chunk lengths do not tell what a disk holds. 32 random bytes.</summary>
    public required ReadOnlyMemory<byte> Salt { get; init; }

    /// <summary>Cuts fall on multiples of this many bytes. Default 4 KiB, the block of guest file systems.</summary>
    public int PageSize { get; init; } = 4 << 10;

    /// <summary>No cut by content before this many bytes; also the shortest zero run that is cut out. Default 32 KiB.</summary>
    public int MinimumSize { get; init; } = 32 << 10;

    /// <summary>The size aimed at. Default 128 KiB; 256 KiB for repositories of a petabyte.</summary>
    public int AverageSize { get; init; } = 128 << 10;

    /// <summary>A cut is made here at the latest. Default 512 KiB.</summary>
    public int MaximumSize { get; init; } = 512 << 10;

    /// <summary>Default sizes and a random salt.</summary>
    public static ChunkerParameters CreateRandom() => new() { Salt = RandomNumberGenerator.GetBytes(SaltLength) };

    /// <summary>Checks the sizes against each other.</summary>
    /// <exception cref="RepositoryException">A value is out of range; the message names all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        Check(Salt.Length == SaltLength, $"salt: {Salt.Length} bytes, {SaltLength} needed");
        Check(PageSize == 4 << 10, $"page size: {PageSize}, must be 4096");
        Check(MinimumSize >= PageSize && MinimumSize % PageSize == 0, $"minimum size: {MinimumSize}, must be a multiple of the page size");
        Check(AverageSize >= 4 * PageSize && int.IsPow2(AverageSize), $"average size: {AverageSize}, must be a power of two of at least four pages");
        Check(AverageSize > MinimumSize, $"average size: {AverageSize}, must be above the minimum {MinimumSize}");
        Check(MaximumSize > AverageSize && MaximumSize % PageSize == 0, $"maximum size: {MaximumSize}, must be a multiple of the page size above the average");
        Check(MaximumSize <= Frames.FrameHeader.MaxPlainLength, $"maximum size: {MaximumSize}, must be at most {Frames.FrameHeader.MaxPlainLength}");
        if (faults.Count > 0)
        {
            throw RepositoryException.Invalid("chunker parameters: " + string.Join("; ", faults));
        }

        void Check(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }
    }

    // A record compares ReadOnlyMemory by reference; parameters are equal when their bytes are.
    public bool Equals(ChunkerParameters? other) =>
        other is not null && PageSize == other.PageSize && MinimumSize == other.MinimumSize && AverageSize == other.AverageSize
        && MaximumSize == other.MaximumSize && Salt.Span.SequenceEqual(other.Salt.Span);

    public override int GetHashCode() => HashCode.Combine(PageSize, MinimumSize, AverageSize, MaximumSize);
}
