// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage.Validation;

/// <summary>One promise of <see cref="IStorageBackend"/> that can be tried out on an operator's storage.</summary>
/// <param name="Name">A few words.</param>
/// <param name="Meaning">What a failure means for backups.</param>
/// <param name="RunAsync">Tries it, and returns what there is to say beyond success. Throws when the promise is not kept.</param>
public sealed record StorageCheck(string Name, string Meaning, Func<StorageCheckContext, CancellationToken, Task<string>> RunAsync);

/// <summary>Where a check works.</summary>
/// <param name="Storage">The storage.</param>
/// <param name="Folder">A folder of this check alone, empty at its start.</param>
/// <param name="TimeProvider">Measures, and waits for what the storage does by itself.</param>
public sealed record StorageCheckContext(IStorageBackend Storage, string Folder, TimeProvider TimeProvider)
{
    internal string Name(string name) => $"{Folder}/{name}";
}

/// <summary>How a check went.</summary>
/// <param name="Check">The check.</param>
/// <param name="Passed">Whether the promise was kept.</param>
/// <param name="Detail">Figures, or what went wrong; may be empty.</param>
public sealed record StorageCheckResult(StorageCheck Check, bool Passed, string Detail);

/// <summary>A promise was not kept; the message says how it showed.</summary>
public sealed class StorageCheckFailedException(string message) : Exception(message);
