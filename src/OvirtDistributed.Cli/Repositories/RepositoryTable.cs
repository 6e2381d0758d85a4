// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;

namespace OvirtDistributed.Cli.Repositories;

internal static class RepositoryTable
{
    public static void Write(CommandContext context, IEnumerable<Contracts.Admin.V1.Repository> repositories)
    {
        var table = new TextTable("NAME", "STATE", ">POINTS", ">STORED", ">FREE", "ENCRYPTION", "DATA MOVER", "LOCATION", "PROBLEM");
        foreach (var repository in repositories)
        {
            table.Add(
                repository.Name,
                new Cell(repository.State, repository.Problem.Length == 0 ? Tone.Good : Tone.Bad),
                $"{repository.Points}",
                ByteText.Size(repository.StoredBytes),
                ByteText.Size(repository.FreeBytes),
                Encryption(repository),
                repository.MoverAddress,
                repository.Location,
                repository.Problem);
        }

        table.WriteTo(context.Output);
    }

    /// <summary>What to do about the key of a repository; null when nothing is.</summary>
    public static string? KeyAdvice(Contracts.Admin.V1.Repository repository) => repository switch
    {
        { Encrypted: false } => null,
        { KeyHeld: false } => $"This server does not have its key, so nothing in it can be read or added: ovd repository key import {repository.Name} --passphrase-file FILE",
        { KeySlots: 0 } => $"Only this server has its key. Add one that outlives it: ovd repository key add {repository.Name} --passphrase-file FILE",
        _ => null,
    };

    private static Cell Encryption(Contracts.Admin.V1.Repository repository) => repository switch
    {
        { Encrypted: false } => new Cell("no", Tone.Plain),
        { KeyHeld: false } => new Cell("key missing", Tone.Bad),
        { KeySlots: 0 } => new Cell("no recovery key", Tone.Attention),
        _ => new Cell("yes", Tone.Good),
    };
}
