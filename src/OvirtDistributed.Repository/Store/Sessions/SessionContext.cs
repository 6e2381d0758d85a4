// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store.Sessions;

/// <summary>What sessions need of the store.</summary>
internal sealed record SessionContext
{
    public required PackContext Packs { get; init; }

    public required PackPool Pool { get; init; }

    public required StoredFrameReader Reader { get; init; }

    public required RepositoryParameters Parameters { get; init; }

    public TimeProvider TimeProvider => Packs.TimeProvider;
}
