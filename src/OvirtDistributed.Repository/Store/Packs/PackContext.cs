// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>What everything that touches packs needs.</summary>
internal sealed record PackContext
{
    public required IStorageBackend Storage { get; init; }

    public required Guid RepositoryId { get; init; }

    public required int PackSize { get; init; }

    public required RepositoryStoreOptions Options { get; init; }

    public required TimeProvider TimeProvider { get; init; }

    public required ContentKeys Keys { get; init; }

    public required PackTable Packs { get; init; }

    public required DigestIndex Index { get; init; }
}
