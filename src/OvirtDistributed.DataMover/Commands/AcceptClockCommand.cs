// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Commands;

/// <summary>
/// <c>ovd-datamover accept-clock DIRECTORY</c>: the word of the person at the machine that its clock is right, after a pause of more than a day. On
/// purpose no call over the network: a clock that runs ahead ends locks of restore points early.
/// </summary>
internal static class AcceptClockCommand
{
    public const string Name = "accept-clock";

    /// <exception cref="OperatorException">There is no repository, or the Data Mover has it open.</exception>
    public static async Task<int> RunAsync(string directory, TextWriter output, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory))
        {
            throw OperatorException.Invalid("DIRECTORY", directory, "it does not exist; give the directory of a repository, as in DataMover:Repositories:NAME:Path.");
        }

        try
        {
            await using var storage = LocalStorage.Open(directory);
            var (before, now) = await RepositoryStore.AcceptClockAsync(storage, timeProvider, cancellationToken);
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture, $"Accepted: locks of restore points in {directory} now go by {now:u} (highest time seen before: {(before is { } seen ? $"{seen:u}" : "none")})."));
            return 0;
        }
        catch (RepositoryException failure)
        {
            throw new OperatorException(FailureKind.WrongState, failure.Message, failure);
        }
    }
}
