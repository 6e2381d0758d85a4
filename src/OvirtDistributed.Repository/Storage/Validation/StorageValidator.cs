// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;

namespace OvirtDistributed.Repository.Storage.Validation;

/// <summary>Runs checks on a storage, one after the other, and removes what they leave.</summary>
public static class StorageValidator
{
    /// <summary>Everything is below this folder.</summary>
    public const string Folder = "validation";

    /// <summary>All checks, in the order in which they are worth reading.</summary>
    public static IReadOnlyList<StorageCheck> Checks { get; } = [.. ObjectChecks.All, .. AppendChecks.All, .. ExclusionChecks.All, .. SpeedChecks.All];

    /// <summary>Runs all checks; one that fails does not stop the others.</summary>
    /// <param name="storage">Nothing else may be below <see cref="Folder"/>.</param>
    /// <param name="timeProvider">Measures.</param>
    /// <param name="cancellationToken">Gives up; what is there is not removed then.</param>
    public static async IAsyncEnumerable<StorageCheckResult> RunAsync(
        IStorageBackend storage, TimeProvider timeProvider, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 0; i < Checks.Count; i++)
        {
            yield return await RunAsync(Checks[i], new StorageCheckContext(storage, $"{Folder}/{i}", timeProvider), cancellationToken);
        }

        await RemoveAsync(storage, Folder, cancellationToken);
    }

    /// <summary>Runs one check.</summary>
    public static async Task<StorageCheckResult> RunAsync(StorageCheck check, StorageCheckContext context, CancellationToken cancellationToken)
    {
        try
        {
            return new StorageCheckResult(check, Passed: true, await check.RunAsync(context, cancellationToken));
        }
        catch (Exception exception) when (exception is StorageCheckFailedException or RepositoryException)
        {
            return new StorageCheckResult(check, Passed: false, exception.Message);
        }
    }

    /// <summary>Removes all objects below a folder.</summary>
    public static async Task RemoveAsync(IStorageBackend storage, string folder, CancellationToken cancellationToken)
    {
        foreach (var item in await CheckTools.ListAsync(storage, folder, cancellationToken))
        {
            await storage.DeleteAsync(item.Name, cancellationToken);
        }
    }
}
