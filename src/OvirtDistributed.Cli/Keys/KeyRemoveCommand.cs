// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Keys;

internal sealed class KeyRemoveCommand : ServerCommand
{
    private readonly Argument<string> _repository = RepositoryKeyCommands.NewRepositoryArgument();
    private readonly Argument<string> _slot = new("SLOT") { Description = "Id of the recovery key (ovd repository key list)" };

    public KeyRemoveCommand(CommandRunner runner)
        : base(runner, "remove", "Remove a recovery key; the last one stays")
    {
        Add(_repository);
        Add(_slot);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new RemoveKeySlotRequest { Repository = context.Value(_repository), SlotId = context.Value(_slot) };
        var response = await server.Repositories.RemoveKeySlotAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line(response.Removed
                ? $"Recovery key {request.SlotId} does not open repository {request.Repository} any more. Who has a copy of the repository made before, or of its key, still can."
                : $"Repository {request.Repository} has no recovery key {request.SlotId} (ovd repository key list {request.Repository}): nothing was removed.");
        }

        return ExitCode.Ok;
    }
}
