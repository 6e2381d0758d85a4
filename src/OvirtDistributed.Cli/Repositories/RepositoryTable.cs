// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;

namespace OvirtDistributed.Cli.Repositories;

internal static class RepositoryTable
{
    // Below it figures are of now: the Data Mover answered, and clocks of two machines differ a little.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(10);

    public static void Write(CommandContext context, IReadOnlyCollection<Contracts.Admin.V1.Repository> repositories)
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
        foreach (var repository in repositories)
        {
            WriteNotes(context, repository);
        }
    }

    private static void WriteNotes(CommandContext context, Contracts.Admin.V1.Repository repository)
    {
        if (repository.AsOf is { } asOf && context.Time.GetUtcNow() - asOf.ToDateTimeOffset() > Fresh)
        {
            context.Output.Line(new StyledLine().Add(
                $"{Cell.Printable(repository.Name)}: as of {TimeText.Relative(asOf, context.Time)}, its Data Mover does not answer now", Tone.Attention));
        }

        if (repository.CollectionProblems.Count > 0)
        {
            var more = repository.CollectionProblems.Count > 1 ? $" (and {repository.CollectionProblems.Count - 1} more)" : "";
            context.Output.Line(new StyledLine().Add(
                $"{Cell.Printable(repository.Name)}: no space is given back ({TimeText.Relative(repository.Collected, context.Time)}): {Cell.Printable(repository.CollectionProblems[0])}{more}",
                Tone.Bad));
        }
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
