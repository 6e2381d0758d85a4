// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>Where a repository is, as configured.</summary>
internal interface IRepositoryPlace
{
    /// <summary>For operators.</summary>
    string Description { get; }

    /// <summary>Bytes after which a pack of a new repository is full.</summary>
    int PackSize { get; }

    /// <summary>How the store works best here.</summary>
    RepositoryStoreOptions Habits { get; }

    /// <summary>Why there is nothing to open, without making anything; null when it is worth trying.</summary>
    (RepositoryState State, string Problem)? FindAbsence();

    /// <summary>Opens the storage.</summary>
    /// <exception cref="RepositoryException">It cannot be used; the message says why.</exception>
    Task<IStorageBackend> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Makes sure that a new repository would not mix with anything.</summary>
    /// <exception cref="OperatorException">Something is there.</exception>
    Task RequireEmptyAsync(CancellationToken cancellationToken);
}
