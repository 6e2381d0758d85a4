// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Google.Protobuf;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Cli.Keys;

/// <summary>What the commands about keys have in common: the repository they mean, and the key itself for as long as one command runs.</summary>
internal static class RepositoryKeyCommands
{
    public static Argument<string> NewRepositoryArgument() => new("REPOSITORY") { Description = "Name or id of the repository" };

    /// <summary>The key as the server holds it.</summary>
    public static async Task<RepositoryKey> ExportAsync(ServerConnection server, string repository, CancellationToken cancellationToken)
    {
        var response = await server.Repositories.ExportKeyAsync(new ExportKeyRequest { Repository = repository }, server.Call(cancellationToken));
        return new RepositoryKey(response.Key.Span, Guid.Parse(response.KeySetId));
    }

    public static async Task AddSlotAsync(ServerConnection server, string repository, Repository.Encryption.KeySlot slot, CancellationToken cancellationToken) =>
        _ = await server.Repositories.AddKeySlotAsync(
            new AddKeySlotRequest { Repository = repository, Slot = ByteString.CopyFrom(KeySlotCodec.Write(slot)) }, server.Call(cancellationToken));

    /// <summary>Reads a small file the operator names.</summary>
    /// <exception cref="CliException">It cannot be read.</exception>
    public static async Task<byte[]> ReadFileAsync(string option, string file, CancellationToken cancellationToken)
    {
        const int MostBytes = 1 << 20;
        try
        {
            return new FileInfo(file).Length <= MostBytes
                ? await File.ReadAllBytesAsync(file, cancellationToken)
                : throw CliException.Invalid($"{option} '{file}' has more than {MostBytes} bytes: that is no key.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CliException.LocalFile($"{option} '{file}' cannot be read: {failure.Message}");
        }
    }

    public static async Task<string> ReadTextAsync(string option, string file, CancellationToken cancellationToken) =>
        System.Text.Encoding.UTF8.GetString(await ReadFileAsync(option, file, cancellationToken));

    /// <summary>The first line of a file.</summary>
    public static async Task<string> ReadPassphraseAsync(string option, string file, CancellationToken cancellationToken) =>
        (await ReadTextAsync(option, file, cancellationToken)).Split('\n')[0].TrimEnd('\r') is { Length: > 0 } passphrase
            ? passphrase
            : throw CliException.Invalid($"{option} '{file}' holds no passphrase on its first line.");

    /// <summary>Runs what handles a secret, with its refusals as messages for the operator.</summary>
    public static T Guarded<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.KeyRequired)
        {
            throw CliException.Refused(Sentence(failure.Message));
        }
        catch (RepositoryException failure)
        {
            throw CliException.Invalid(Sentence(failure.Message));
        }
    }

    private static string Sentence(string message) => char.ToUpperInvariant(message[0]) + message[1..] + ".";
}
