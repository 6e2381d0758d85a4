// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;

namespace OvirtDistributed.Cli.Repositories;

internal static class RepositoryTable
{
    public static void Write(CommandContext context, IEnumerable<Contracts.Admin.V1.Repository> repositories)
    {
        var table = new TextTable("NAME", "STATE", ">POINTS", ">STORED", ">FREE", "DATA MOVER", "LOCATION", "PROBLEM");
        foreach (var repository in repositories)
        {
            table.Add(
                repository.Name,
                new Cell(repository.State, repository.Problem.Length == 0 ? Tone.Good : Tone.Bad),
                $"{repository.Points}",
                ByteText.Size(repository.StoredBytes),
                ByteText.Size(repository.FreeBytes),
                repository.MoverAddress,
                repository.Location,
                repository.Problem);
        }

        table.WriteTo(context.Output);
    }
}
