// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Cli.Keys;

/// <summary>The key on paper: for the safe, and for the day when server and database are gone.</summary>
internal sealed class KeyExportCommand : ServerCommand
{
    private readonly Argument<string> _repository = RepositoryKeyCommands.NewRepositoryArgument();
    private readonly Option<string> _output = new("--output") { Description = "New file to write, readable by its owner only", HelpName = "FILE", Required = true };

    public KeyExportCommand(CommandRunner runner)
        : base(runner, "export", "Write the key of a repository as text to print and keep in a safe")
    {
        Add(_repository);
        Add(_output);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var repository = context.Value(_repository);
        var file = context.Text(_output);
        var key = await RepositoryKeyCommands.ExportAsync(context.Server, repository, cancellationToken);
        var text = $"""
            # Key of the backup repository {repository} (key set {key.KeySetId:D}), written {context.Time.GetUtcNow():yyyy-MM-dd}.
            # Whoever has this can read all backups in it. Print it, put it in a safe, delete this file.
            # To use it: type the line below into a file, then: ovd repository key import {repository} --paper FILE
            {KeyPaper.Write(key)}

            """;
        await SecretFile.WriteAsync("--output", file, text, cancellationToken);
        if (context.Output.IsJson)
        {
            context.Output.Json(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("file", file);
                writer.WriteString("key_set_id", key.KeySetId.ToString("D"));
                writer.WriteEndObject();
            });
        }
        else
        {
            context.Output.Line($"The key of repository {repository} is in {file}: print it, put it in a safe, and delete the file.");
        }

        return ExitCode.Ok;
    }
}
