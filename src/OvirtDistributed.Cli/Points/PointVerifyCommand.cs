// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Grpc.Core;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Cli.Watching;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointVerifyCommand : ServerCommand
{
    private readonly Argument<string> _point = new("POINT") { Description = "Id, or its first characters" };

    private readonly Option<bool> _content = new("--content")
    {
        Description = "Have a worker read it with its key, up to the last digest, as a job; needed to prove the content of an encrypted repository",
    };

    private readonly Option<bool> _repair = new("--repair")
    {
        Description = "With --content: take what is damaged from copies of the point in other repositories, and repair it",
    };

    private readonly Option<bool> _wait = new("--wait") { Description = "With --content: wait for the job and end with its outcome" };

    public PointVerifyCommand(CommandRunner runner)
        : base(runner, "verify", "Read every object of a restore point and check it; the next backup sends again what is damaged")
    {
        _point.CompletionSources.Add(runner.Suggestions.Points);
        Add(_point);
        Add(_content);
        Add(_repair);
        Add(_wait);
        Validators.Add(result =>
        {
            if (result.GetValue(_repair) && !result.GetValue(_content))
            {
                result.AddError("--repair goes with --content: only a worker can read the copies.");
            }

            if (result.GetValue(_wait) && !result.GetValue(_content))
            {
                result.AddError("--wait goes with --content: without it the answer is waited for anyway.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        if (context.Value(_content))
        {
            var request = new VerifyPointsRequest { Points = { context.Value(_point) }, Repair = context.Value(_repair) };
            var started = await context.Server.Jobs.VerifyPointsAsync(request, context.Server.Call(cancellationToken));
            return await StartedJobs.FinishAsync(context, [.. started.Jobs], context.Value(_wait), cancellationToken);
        }

        var response = await VerifyAsync(context, cancellationToken);
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            Write(context, response);
        }

        return response.Result.Healthy ? ExitCode.Ok : ExitCode.DataDamaged;
    }

    private async Task<VerifyPointResponse> VerifyAsync(CommandContext context, CancellationToken cancellationToken)
    {
        // No time limit: all of the point is read, and the progress shows that it lives.
        var shown = context.Time.GetTimestamp();
        using var call = context.Server.Points.WatchVerifyPoint(new WatchVerifyPointRequest { Point = context.Value(_point) }, cancellationToken: cancellationToken);
        VerifyPointResponse? result = null;
        await foreach (var step in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            result = step.Result ?? result;
            if (!context.Output.IsJson && result is null && context.Time.GetElapsedTime(shown) >= LineView.ProgressInterval)
            {
                shown = context.Time.GetTimestamp();
                var percent = step.SizeBytes == 0 ? 0 : Math.Min(100, 100.0 * step.CheckedBytes / step.SizeBytes);
                context.Output.Line($"{ByteText.Size(step.CheckedBytes)} checked, of at most {ByteText.Size(step.SizeBytes)} ({percent:F0} %)");
            }
        }

        return result ?? throw new CliException(ExitCode.Unavailable, "unavailable", "The verification ended without a result: look at the Data Mover's log.");
    }

    private static void Write(CommandContext context, VerifyPointResponse response)
    {
        var result = response.Result;
        var proof = response.ContentProven ? "every digest" : "every checksum (its content is encrypted: ovd point verify --content proves that)";
        if (result.Healthy)
        {
            context.Output.Line($"Restore point {response.PointId} is whole: {result.CheckedObjects} objects, {ByteText.Size(result.CheckedBytes)}, {proof} holds.");
            return;
        }

        context.Output.Line(new StyledLine().Add($"Restore point {response.PointId} is damaged: {Math.Max(result.DamagedObjects, result.Damaged.Count)} of its objects do not hold.", Tone.Bad));
        foreach (var damaged in result.Damaged.Take(20))
        {
            context.Output.Line($"  {damaged.Object}: {Cell.Printable(damaged.Problem)}");
        }

        foreach (var disk in result.Disks)
        {
            var bytes = disk.Ranges.Sum(range => range.LengthBytes);
            context.Output.Line($"  disk {disk.DiskId}: {ByteText.Size(bytes)} in {disk.Ranges.Count} ranges, the first at byte {disk.Ranges[0].OffsetBytes}");
        }

        context.Output.Line("The next backup of the VM reads these ranges again and heals all restore points that use them, where the guest has not changed them since.");
    }
}
