// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Repositories;

/// <summary>The key of an encrypted repository, sealed by the server's key file. Stays when the repository is no longer known: points may come back.</summary>
internal sealed class StoredRepositoryKey
{
    public required Guid KeySetId { get; init; }

    public required byte[] SealedKey { get; init; }

    public required DateTimeOffset Created { get; init; }
}
