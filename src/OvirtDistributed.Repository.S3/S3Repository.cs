// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

/// <summary>Opens the storage of a repository on S3: everything in the bucket, the index in the cache directory.</summary>
public static class S3Repository
{
    /// <summary>Opens both; what the bucket lacks is said at once.</summary>
    /// <param name="options">Checked by the caller with <see cref="S3StorageOptions.Problems"/>.</param>
    /// <param name="timeProvider">The clock of the lock.</param>
    /// <param name="logger">For what an operator should know of the lock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Unavailable"/>: what is missing and what to do.</exception>
    public static async Task<IStorageBackend> OpenAsync(
        S3StorageOptions options, TimeProvider timeProvider, ILogger<S3Storage> logger, CancellationToken cancellationToken)
    {
        var remote = await S3Storage.OpenAsync(options, timeProvider, logger, cancellationToken);
        try
        {
            return new CachedIndexStorage(remote, LocalStorage.Open(options.CacheDirectory!));
        }
        catch
        {
            await remote.DisposeAsync();
            throw;
        }
    }
}
