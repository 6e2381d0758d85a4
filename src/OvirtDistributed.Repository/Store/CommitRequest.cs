// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Repository.Store;

/// <summary>A restore point to be made.</summary>
public sealed record CommitRequest
{
    public required VmManifest Manifest { get; init; }

    /// <summary>
    /// The manifest in its stored form, written byte for byte. Needed in an encrypted repository, where only who has the key can make it;
    /// null elsewhere.
    /// </summary>
    public ReadOnlyMemory<byte>? StoredManifest { get; init; }

    /// <summary>Encoded frames of the manifest's blobs (see <see cref="MetadataFrame"/>); those the repository has may be left out.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> MetadataFrames { get; init; } = [];
}
