// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointCopyCommand : ServerCommand
{
    private readonly Argument<string[]> _points = new("POINT") { Description = "Ids, or their first characters", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _to = new("--to") { Description = "Repository to copy to (name or id)", HelpName = "REPOSITORY", Required = true };
    private readonly Option<int> _maxRate = new("--max-rate") { Description = "Most MiB a second that each disk is read with", HelpName = "MIB" };
    private readonly Option<string> _cluster = new("--cluster") { Description = "Cluster whose workers copy (name or id)", HelpName = "CLUSTER" };
    private readonly Option<bool> _wait = new("--wait") { Description = "Wait for the jobs and end with their outcome" };
    private readonly Option<string> _requestId = RequestId.NewOption();

    public PointCopyCommand(CommandRunner runner)
        : base(runner, "copy", "Copy restore points to another repository: one job for each, only what is not there is sent")
    {
        _points.CompletionSources.Add(runner.Suggestions.Points);
        _to.CompletionSources.Add(runner.Suggestions.Repositories);
        _maxRate.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--max-rate: give at least 1, or leave it out for no limit.");
            }
        });
        Add(_points);
        foreach (var option in new Option[] { _to, _maxRate, _cluster, _wait, _requestId })
        {
            Add(option);
        }
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var request = new CopyPointsRequest
        {
            Repository = context.Value(_to),
            BytesPerSecond = (long)context.Value(_maxRate) << 20,
            Cluster = context.Text(_cluster),
            RequestId = RequestId.From(context, _requestId),
        };
        request.Points.Add(context.Value(_points).Distinct());
        var server = context.Server;
        var response = await RepeatedCall.RunAsync(
            token => server.Jobs.CopyPointsAsync(request, server.Call(token)).ResponseAsync, context.Time, cancellationToken);
        return await StartedJobs.FinishAsync(context, [.. response.Jobs], context.Value(_wait), cancellationToken);
    }
}
