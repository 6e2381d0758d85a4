// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Points;

/// <summary>A metadata blob of a point, stored as a frame of kind metadata.</summary>
public sealed record ManifestBlob
{
    /// <summary>What it is, for example "ovf".</summary>
    public required string Name { get; init; }

    /// <summary>Media type, for example "application/xml".</summary>
    public string? ContentType { get; init; }

    public required ChunkDigest Digest { get; init; }

    /// <summary>Plain bytes.</summary>
    public required long Length { get; init; }
}
