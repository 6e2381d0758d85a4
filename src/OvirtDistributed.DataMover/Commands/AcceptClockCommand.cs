// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Commands;

/// <summary>
/// <c>ovd-datamover accept-clock</c>: the word of the person at the machine that its clock is right, after a pause of more than a day. On purpose no
/// call over the network: a clock that runs ahead ends locks of restore points early.
/// </summary>
internal static class AcceptClockCommand
{
    public const string Name = "accept-clock";

    private const string Usage =
        "Usage: ovd-datamover accept-clock --repository NAME [settings as for the service] | ovd-datamover accept-clock --path DIRECTORY";

    /// <param name="args">Behind the command's name.</param>
    /// <param name="output">Where the result goes.</param>
    /// <param name="timeProvider">The machine's clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>0.</returns>
    /// <exception cref="OperatorException">The arguments cannot be used, there is no repository, or the Data Mover has it open.</exception>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        try
        {
            await using var storage = args switch
            {
                ["--path", var directory] => OpenDirectory("--path", directory),
                ["--repository", var repository, .. var settings] => await OpenRepositoryAsync(repository, settings, timeProvider, cancellationToken),
                _ => throw new OperatorException(FailureKind.InvalidInput, Usage),
            };
            var (before, now) = await RepositoryStore.AcceptClockAsync(storage, timeProvider, cancellationToken);
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"Accepted: locks of restore points in {storage.Description} now go by {now:u} (highest time seen before: {(before is { } seen ? $"{seen:u}" : "none")})."));
            return 0;
        }
        catch (RepositoryException failure)
        {
            throw new OperatorException(FailureKind.WrongState, failure.Message, failure);
        }
    }

    private static async Task<IStorageBackend> OpenRepositoryAsync(string name, string[] settings, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var options = DataMoverSettings.Read(WebApplication.CreateSlimBuilder(settings).Configuration).Options;
        if (!options.Repositories.TryGetValue(name, out var repository))
        {
            throw OperatorException.Invalid("--repository", name, $"give one of: {string.Join(", ", options.Repositories.Keys)}.");
        }

        return repository.S3 is { } bucket
            ? await S3Storage.OpenAsync(bucket, timeProvider, NullLogger<S3Storage>.Instance, cancellationToken)
            : OpenDirectory($"DataMover:Repositories:{name}:Path", repository.Path!);
    }

    private static LocalStorage OpenDirectory(string setting, string directory) => Directory.Exists(directory)
        ? LocalStorage.Open(directory)
        : throw OperatorException.Invalid(setting, directory, "it does not exist; give the directory of a repository.");
}
