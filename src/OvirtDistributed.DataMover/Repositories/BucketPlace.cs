// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>A prefix of a bucket, with a local directory for the index.</summary>
internal sealed class BucketPlace(string name, S3StorageOptions options, TimeProvider timeProvider, ILoggerFactory loggers) : IRepositoryPlace
{
    public string Description => $"s3://{options.Bucket}/{options.Prefix} at {options.Endpoint}";

    /// <summary>Half of a directory's: garbage collection rewrites less over the network.</summary>
    public int PackSize => 64 << 20;

    /// <summary>Every flush is an object of its own: fewer and larger ones than on a disk.</summary>
    public RepositoryStoreOptions Habits { get; } = new() { FlushBytes = 16 << 20, FlushDelay = TimeSpan.FromMilliseconds(250) };

    // Whether there is a bucket only a request can tell; opening it does.
    public (RepositoryState State, string Problem)? FindAbsence() => null;

    public Task<IStorageBackend> OpenAsync(CancellationToken cancellationToken) =>
        S3Repository.OpenAsync(options, timeProvider, loggers.CreateLogger<S3Storage>(), cancellationToken);

    public async Task RequireEmptyAsync(CancellationToken cancellationToken)
    {
        await using var storage = await S3Storage.OpenAsync(options, timeProvider, loggers.CreateLogger<S3Storage>(), cancellationToken);
        if (await storage.FindAnyAsync(cancellationToken) is { } foreign)
        {
            throw new OperatorException(
                FailureKind.WrongState,
                $"{Description} holds other objects ('{foreign}') and no repository: give repository '{name}' a prefix of its own in DataMover:Repositories:{name}:S3:Prefix.");
        }
    }
}
