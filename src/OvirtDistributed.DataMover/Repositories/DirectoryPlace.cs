// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>A directory of a local or mounted file system.</summary>
internal sealed class DirectoryPlace(string name, string directory) : IRepositoryPlace
{
    public string Description => directory;

    public int PackSize => 128 << 20;

    public RepositoryStoreOptions Habits { get; } = new();

    // A directory that is not there is not made here: it may be the mount point of a share that has yet to come.
    public (RepositoryState State, string Problem)? FindAbsence()
    {
        if (Directory.Exists(directory))
        {
            return null;
        }

        return File.Exists(directory)
            ? (RepositoryState.Failed, $"'{directory}' is a file: give a directory in DataMover:Repositories:{name}:Path.")
            : (RepositoryState.NotCreated, $"The directory '{directory}' does not exist.");
    }

    public Task<IStorageBackend> OpenAsync(CancellationToken cancellationToken) => Task.FromResult<IStorageBackend>(LocalStorage.Open(directory));

    public Task RequireEmptyAsync(CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory))
        {
            return Task.CompletedTask;
        }

        // lost+found is what mkfs leaves; a dot file is our own check for write access.
        var foreign = Directory.EnumerateFileSystemEntries(directory)
            .Select(Path.GetFileName)
            .FirstOrDefault(entry => entry is not null && entry != "lost+found" && !entry.StartsWith('.'));
        return foreign is null
            ? Task.CompletedTask
            : throw new OperatorException(
                FailureKind.WrongState, $"'{directory}' holds other files ('{foreign}') and no repository: give repository '{name}' an empty directory.");
    }
}
