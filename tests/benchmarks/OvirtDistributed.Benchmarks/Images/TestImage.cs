// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks.Images;

/// <summary>One content of a test disk, as a raw file and, for the image transfer, as qcow2.</summary>
/// <param name="RawFile">Sparse raw image; always named the same, in a directory of its own.</param>
/// <param name="CowFile">The same as qcow2; null where it is not needed.</param>
/// <param name="Bitmap">The bitmap in <paramref name="CowFile"/> that holds the changes; null without changes.</param>
/// <param name="DirtyBlocks">Offsets of the blocks that changed, ascending.</param>
internal sealed record TestImage(string RawFile, string? CowFile, string? Bitmap, IReadOnlyList<long> DirtyBlocks)
{
    public string Directory => Path.GetDirectoryName(RawFile)!;

    public long SizeBytes { get; } = new FileInfo(RawFile).Length;
}
