// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Reading;

/// <summary>Bounds of a <see cref="DiskImageReader"/>. Its memory is about (read-ahead + 1) × 2 × segment, at any disk size.</summary>
public sealed record DiskImageReaderOptions
{
    /// <summary>Largest data extent handed out. Default 4 MiB, which also suits one ImageIO request.</summary>
    public int SegmentBytes { get; init; } = 4 << 20;

    /// <summary>Segments fetched and decoded ahead of the consumer. Default 4.</summary>
    public int ReadAhead { get; init; } = 4;
}
