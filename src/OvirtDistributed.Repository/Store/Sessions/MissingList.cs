// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Store.Sessions;

/// <summary>Collects digests that are nowhere; keeps the first thousands and counts all.</summary>
internal sealed class MissingList
{
    private const int Most = 10_000;

    private readonly HashSet<ChunkDigest> _digests = [];

    public long Count { get; private set; }

    public void Add(in ChunkDigest digest)
    {
        if (_digests.Count >= Most)
        {
            Count++;
        }
        else if (_digests.Add(digest))
        {
            Count++;
        }
    }

    /// <exception cref="RepositoryException"><see cref="RepositoryError.MissingFrames"/> when anything was added.</exception>
    public void ThrowIfAny(string what)
    {
        if (Count > 0)
        {
            throw RepositoryException.Missing($"{what}: {Count} frames are in no live pack, the first is {_digests.First()}", [.. _digests], Count);
        }
    }
}
