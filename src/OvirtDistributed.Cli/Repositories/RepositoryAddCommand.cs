// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Repositories;

internal sealed class RepositoryAddCommand : ServerCommand
{
    private readonly Argument<string> _name = new("NAME") { Description = "Name of the repository in this installation" };
    private readonly Option<string> _mover = new("--mover") { Description = "gRPC address of its Data Mover, https://HOST:PORT", HelpName = "URL", Required = true };
    private readonly Option<string> _moverRepository = new("--mover-repository")
    {
        Description = "Name of the repository in the Data Mover's configuration; NAME when left out",
        HelpName = "NAME",
    };

    private readonly Option<bool> _create = new("--create") { Description = "Create the repository there if there is none" };
    private readonly Option<int?> _chunkAverage = new("--chunk-average")
    {
        Description = "With --create: average chunk size in KiB, fixed for the repository's life",
        HelpName = "KIB",
    };

    private readonly Option<bool> _noEncryption = new("--no-encryption") { Description = "With --create: store backups readable; chosen for the repository's life" };

    private readonly Option<string> _replicaOf = new("--replica-of")
    {
        Description = "With --create: share key and cutting with this repository, so that copies between the two move stored data as it is",
        HelpName = "REPOSITORY",
    };

    public RepositoryAddCommand(CommandRunner runner)
        : base(runner, "add", "Make a repository of a Data Mover known, and create it there when asked")
    {
        Add(_name);
        Add(_mover);
        Add(_moverRepository);
        Add(_create);
        Add(_chunkAverage);
        Add(_noEncryption);
        _replicaOf.CompletionSources.Add(runner.Suggestions.Repositories);
        Add(_replicaOf);
        Validators.Add(result =>
        {
            if (result.GetValue(_chunkAverage) is { } average && (average is <= 0 or > 1024 * 1024 || !result.GetValue(_create)))
            {
                result.AddError($"--chunk-average {average} cannot be used: it is a positive number of KiB and needs --create.");
            }

            if (result.GetValue(_noEncryption) && !result.GetValue(_create))
            {
                result.AddError("--no-encryption needs --create: a repository that exists stays as it is.");
            }

            if (result.GetValue(_replicaOf) is not null && (!result.GetValue(_create) || result.GetValue(_noEncryption) || result.GetValue(_chunkAverage) is not null))
            {
                result.AddError("--replica-of needs --create, and takes encryption and chunk size from that repository: leave --no-encryption and --chunk-average out.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new AddRepositoryRequest
        {
            Name = context.Value(_name),
            MoverAddress = context.Text(_mover),
            MoverRepository = context.Text(_moverRepository),
            Create = context.Value(_create),
            ChunkAverageBytes = (context.Value(_chunkAverage) ?? 0) * 1024,
            NoEncryption = context.Value(_noEncryption),
            ReplicaOf = context.Text(_replicaOf),
        };
        var response = await server.Repositories.AddRepositoryAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            var repository = response.Repository;
            context.Output.Line(
                $"Repository {repository.Name} is {(response.Created ? "created and known" : "known")}: {(repository.ReplicaOf.Length > 0 ? $"replica of {repository.ReplicaOf}, " : "")}"
                + $"{(repository.Encrypted ? "encrypted" : "not encrypted")}, {repository.Points} restore points, {ByteText.Size(repository.FreeBytes)} free.");
            if (RepositoryTable.KeyAdvice(repository) is { } advice)
            {
                context.Output.Line(advice);
            }
        }

        return ExitCode.Ok;
    }
}
