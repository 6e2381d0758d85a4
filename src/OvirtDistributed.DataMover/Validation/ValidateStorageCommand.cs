// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Storage.Validation;

namespace OvirtDistributed.DataMover.Validation;

/// <summary>
/// <c>ovd-datamover validate-storage</c>: tries out what a repository needs on the operator's own storage, in a scratch place that is removed afterwards.
/// Safe beside a Data Mover that serves a repository there.
/// </summary>
public static class ValidateStorageCommand
{
    public const string Name = "validate-storage";

    private const string Usage =
        "Usage: ovd-datamover validate-storage --repository NAME [settings as for the service]"
        + " | ovd-datamover validate-storage --path DIRECTORY";

    /// <summary>Runs it and writes one line for each check.</summary>
    /// <param name="args">Behind the command's name.</param>
    /// <param name="output">Where the lines go.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>0 when the storage keeps all promises, else 1.</returns>
    /// <exception cref="OperatorException">The arguments or the configuration cannot be used.</exception>
    public static async Task<int> RunAsync(string[] args, TextWriter output, CancellationToken cancellationToken)
    {
        try
        {
            return args switch
            {
                ["--path", var directory] => await RunOnDirectoryAsync(directory, output, cancellationToken),
                ["--repository", var repository, .. var settings] => await RunOnRepositoryAsync(repository, settings, output, cancellationToken),
                _ => throw new OperatorException(FailureKind.InvalidInput, Usage),
            };
        }
        catch (RepositoryException failure)
        {
            await output.WriteLineAsync($"FAILED  the storage cannot be used: {failure.Message}");
            return 1;
        }
    }

    private static async Task<int> RunOnRepositoryAsync(string name, string[] settings, TextWriter output, CancellationToken cancellationToken)
    {
        var options = DataMoverSettings.Read(WebApplication.CreateSlimBuilder(settings).Configuration).Options;
        if (!options.Repositories.TryGetValue(name, out var repository))
        {
            throw OperatorException.Invalid("--repository", name, $"give one of: {string.Join(", ", options.Repositories.Keys)}.");
        }

        return repository.S3 is null
            ? await RunOnDirectoryAsync(repository.Path!, output, cancellationToken)
            : await RunOnBucketAsync(repository.S3, output, cancellationToken);
    }

    private static async Task<int> RunOnDirectoryAsync(string directory, TextWriter output, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory))
        {
            throw OperatorException.Invalid("--path", directory, "give a directory that exists.");
        }

        // Not in the repository itself: its leftovers are removed with the lock.
        var scratch = Path.Combine(Path.GetFullPath(directory), $".ovd-validation-{Guid.NewGuid():N}");
        try
        {
            await using var storage = LocalStorage.Open(scratch);
            return await RunAsync(storage, directory, output, cancellationToken);
        }
        finally
        {
            if (Directory.Exists(scratch))
            {
                Directory.Delete(scratch, recursive: true);
            }
        }
    }

    private static async Task<int> RunOnBucketAsync(S3StorageOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        var prefix = options.Prefix.TrimEnd('/');
        var scratch = options with { Prefix = $"{prefix}{(prefix.Length > 0 ? "/" : "")}validation-{Guid.NewGuid():N}" };
        await using var storage = await S3Storage.OpenAsync(scratch, TimeProvider.System, NullLogger<S3Storage>.Instance, cancellationToken);
        return await RunAsync(storage, storage.Description, output, cancellationToken);
    }

    private static async Task<int> RunAsync(IStorageBackend storage, string where, TextWriter output, CancellationToken cancellationToken)
    {
        await output.WriteLineAsync($"Storage {where}:");
        var failed = 0;
        await foreach (var result in StorageValidator.RunAsync(storage, TimeProvider.System, cancellationToken))
        {
            failed += result.Passed ? 0 : 1;
            var detail = result.Detail.Length > 0 ? $": {result.Detail}" : "";
            await output.WriteLineAsync(result.Passed ? $"ok      {result.Check.Name}{detail}" : $"FAILED  {result.Check.Name}{detail}; it means: {result.Check.Meaning}");
        }

        await output.WriteLineAsync(
            failed == 0 ? $"All {StorageValidator.Checks.Count} checks passed." : $"{failed} of {StorageValidator.Checks.Count} checks failed: do not keep a repository here.");
        return failed == 0 ? 0 : 1;
    }
}
