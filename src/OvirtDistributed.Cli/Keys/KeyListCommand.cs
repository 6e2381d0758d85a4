// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Keys;

internal sealed class KeyListCommand : ServerCommand
{
    private readonly Argument<string> _repository = RepositoryKeyCommands.NewRepositoryArgument();

    public KeyListCommand(CommandRunner runner)
        : base(runner, "list", "List the recovery keys of a repository")
    {
        Add(_repository);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var repository = context.Value(_repository);
        var response = await server.Repositories.ListKeySlotsAsync(new ListKeySlotsRequest { Repository = repository }, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
            return ExitCode.Ok;
        }

        if (response.Slots.Count == 0)
        {
            context.Output.Line($"Repository {repository} has no recovery key: without this server nobody can read it. Add one with: ovd repository key add {repository} --passphrase-file FILE");
        }
        else
        {
            var table = new TextTable("ID", "OPENED BY", "LABEL", "CREATED");
            foreach (var slot in response.Slots)
            {
                table.Add(slot.Id, slot.Kind, slot.Label, TimeText.Both(slot.Created, context.Time));
            }

            table.WriteTo(context.Output);
        }

        foreach (var problem in response.Problems)
        {
            context.Output.Line(new StyledLine().Add($"Cannot be read, and opens nothing: {Cell.Printable(problem)}", Tone.Bad));
        }

        if (response.Problems.Count > 0)
        {
            context.Output.Line($"Remove such a key (its id is the name of the file) and add it again: ovd repository key remove {repository} ID");
        }

        return ExitCode.Ok;
    }
}
