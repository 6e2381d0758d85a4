// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Workers;

/// <summary>What workers ask and report, over gRPC or in process. The database decides every answer, so any server may give it.</summary>
internal sealed partial class WorkerCalls(
    WorkerRegistry workers, TaskLeases leases, AttemptPreparation preparation, ExportLeases exports, CommandOrders commands, JobSignal signal, ServerInstruments instruments, ServerOptions options,
    ILogger<WorkerCalls> logger)
{
    public async Task<RegisterResponse> RegisterAsync(RegisterRequest request, CancellationToken cancellationToken)
    {
        var clusterId = Parse("cluster_id", request.ClusterId);
        if (request.WorkerId.Length is 0 or > 100)
        {
            throw OperatorException.Invalid("worker_id", request.WorkerId, "use 1 to 100 characters.");
        }

        if (request.Slots is < 1 or > 1000)
        {
            throw OperatorException.Invalid("slots", request.Slots.ToString(), "use 1 to 1000.");
        }

        await workers.RegisterAsync(
            new StoredWorker
            {
                Id = request.WorkerId,
                Name = request.Name.Length > 0 ? request.Name : request.WorkerId,
                ClusterId = clusterId,
                ProductVersion = request.Version,
                Slots = request.Slots,
                FreeSlots = request.Slots,
                TransportModes = [.. request.TransportModes],
                SystemUuid = request.SystemUuid,
                ExportDomains = [.. request.ExportDomains],
                Embedded = options.EmbeddedWorkers.Any(embedded => embedded.ClusterId == clusterId && request.Name.StartsWith(EmbeddedWorkerName.Prefix, StringComparison.Ordinal)),
            },
            cancellationToken);
        Log.WorkerRegistered(logger, request.Name, request.WorkerId, clusterId, request.Slots);
        if (!await workers.IsClusterKnownAsync(clusterId, cancellationToken))
        {
            Log.ClusterUnknown(logger, request.Name, clusterId);
        }

        return new RegisterResponse { HeartbeatInterval = options.HeartbeatInterval.ToDuration(), LeaseDuration = options.LeaseDuration.ToDuration() };
    }

    public async Task<AcquireLeaseResponse> AcquireLeaseAsync(AcquireLeaseRequest request, CancellationToken cancellationToken)
    {
        if (!await workers.IsKnownAsync(request.WorkerId, cancellationToken))
        {
            return new AcquireLeaseResponse { Refusal = "the worker is not registered" };
        }

        if (await exports.ExplainUnfitAsync(request.WorkerId, Parse("task_id", request.TaskId), request.Attempt, cancellationToken) is { } unfit)
        {
            return new AcquireLeaseResponse { Refusal = unfit };
        }

        var grant = await leases.AcquireAsync(request.WorkerId, Parse("task_id", request.TaskId), request.Attempt, cancellationToken);
        if (!grant.Granted)
        {
            return new AcquireLeaseResponse { Refusal = grant.Refusal };
        }

        instruments.OnLeaseGranted();
        signal.Changed(grant.JobId);
        return new AcquireLeaseResponse
        {
            Granted = true,
            FencingToken = grant.FencingToken,
            LeaseDuration = options.LeaseDuration.ToDuration(),
            JobId = grant.JobId.ToString("D"),
            TraceParent = grant.TraceParent ?? "",
        };
    }

    public async Task<PrepareTaskResponse> PrepareTaskAsync(PrepareTaskRequest request, CancellationToken cancellationToken)
    {
        var claim = new LeaseClaim(request.WorkerId, Parse("task_id", request.TaskId), request.Attempt, request.FencingToken);
        try
        {
            if (await commands.IsCommandAsync(claim.TaskId, cancellationToken))
            {
                return new PrepareTaskResponse { Order = await commands.FindAsync(claim, cancellationToken) ?? throw NotHeld(request) };
            }

            var order = await preparation.PrepareAsync(claim, request.VolumeId.Length > 0 ? Parse("volume_id", request.VolumeId) : null, cancellationToken)
                ?? throw NotHeld(request);
            return new PrepareTaskResponse { Order = OrderMessages.ToWire(order, claim, options) };
        }
        catch (EngineException failure)
        {
            throw failure.ToOperator();
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
    }

    public async Task<HeartbeatResponse> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellationToken)
    {
        var response = new HeartbeatResponse { RegisterAgain = !await workers.SeenAsync(request.WorkerId, request.FreeSlots, cancellationToken) };
        foreach (var task in request.Tasks)
        {
            var claim = new LeaseClaim(request.WorkerId, Parse("task_id", task.TaskId), task.Attempt, task.FencingToken);
            var renewal = await leases.RenewAsync(claim, task.Sequence, StatisticsMessages.FromWire(task.Statistics), cancellationToken);
            if (renewal == LeaseRenewal.Lost)
            {
                continue; // Absent from the answer: not this worker's any more.
            }

            response.Tasks.Add(new TaskDirective
            {
                TaskId = task.TaskId,
                Attempt = task.Attempt,
                LeaseDuration = options.LeaseDuration.ToDuration(),
                Cancel = renewal == LeaseRenewal.Cancel,
            });
        }

        return response;
    }

    public async Task<ReportOutcomeResponse> ReportOutcomeAsync(ReportOutcomeRequest request, CancellationToken cancellationToken)
    {
        var taskId = Parse("task_id", request.TaskId);
        var claim = new LeaseClaim(request.WorkerId, taskId, request.Attempt, request.FencingToken);
        var statistics = StatisticsMessages.FromWire(request.Statistics);
        var accepted = request.OutcomeCase switch
        {
            ReportOutcomeRequest.OutcomeOneofCase.Succeeded when request.Succeeded.Command is { } command =>
                await leases.ReportCommandAsync(claim, new CommandResult(command.ExitCode, command.TimedOut, TextOf(command.Output), command.OutputCut), cancellationToken),
            ReportOutcomeRequest.OutcomeOneofCase.Succeeded =>
                await leases.ReportSuccessAsync(claim, ResultOf(request.Succeeded, statistics), cancellationToken),
            ReportOutcomeRequest.OutcomeOneofCase.Failed =>
                await leases.ReportFailureAsync(claim, request.Failed.Code.ToString(), request.Failed.Message, statistics, cancellationToken),
            _ => throw OperatorException.Invalid("outcome", "", "report succeeded or failed."),
        };
        if (accepted && await leases.JobOfAsync(taskId, cancellationToken) is { } job)
        {
            signal.Wake(job);
            signal.Changed(job);
        }

        return new ReportOutcomeResponse { Accepted = accepted };
    }

    private static OperatorException NotHeld(PrepareTaskRequest request) =>
        new(FailureKind.WrongState, $"Attempt {request.Attempt} at task {request.TaskId} is not (any more) the one of worker {request.WorkerId}.") { Reason = "lease-lost" };

    /// <summary>What a program wrote may be anything: PostgreSQL keeps no NUL, and a terminal is no place for control characters.</summary>
    private static string TextOf(Google.Protobuf.ByteString output) =>
        string.Concat(Encoding.UTF8.GetString(output.Span).Where(letter => letter is '\n' or '\t' || !char.IsControl(letter))).Trim('\n');

    private static TaskResult ResultOf(TaskSucceeded succeeded, TaskStatistics statistics) => new(
        succeeded.Root?.Digest.ToByteArray(),
        succeeded.Root?.Levels ?? 0,
        succeeded.Root?.SizeBytes ?? 0,
        succeeded.StoredBytes,
        succeeded.Checksum.Length > 0 ? succeeded.Checksum : null,
        statistics)
    {
        Damage = DamageOf(succeeded),
        Rescue = RescueOf(succeeded.Rescue),
    };

    private static TaskRescue? RescueOf(RescueReport? report) => report is null ? null : new TaskRescue
    {
        Sources = [.. report.Sources.Select(source => new Jobs.RescueSource(source.RepositoryName, source.Objects, source.Bytes, source.RepairedObjects, source.BytesOnItsWord))],
        Unrepaired = report.UnrepairedReason.Length == 0 ? "" : $"{ListOf(report.UnrepairedRanges)}: {report.UnrepairedReason}",
        Unreachable = report.Unreachable,
    };

    private static string DamageOf(TaskSucceeded succeeded) => succeeded.DamagedRanges.Count == 0
        ? ""
        : $"{succeeded.DamagedRanges.Sum(range => range.LengthBytes)} bytes cannot be restored, at {ListOf(succeeded.DamagedRanges)}: {succeeded.Damage}";

    private static string ListOf(Google.Protobuf.Collections.RepeatedField<ByteRange> ranges)
    {
        const int MostListed = 16;
        var listed = string.Join(", ", ranges.Take(MostListed).Select(range => $"{range.OffsetBytes}+{range.LengthBytes}"));
        return ranges.Count > MostListed ? $"{listed} and {ranges.Count - MostListed} more" : listed;
    }

    private static Guid Parse(string field, string text) =>
        Guid.TryParse(text, out var id) ? id : throw OperatorException.Invalid(field, text, "it is not a UUID.");
}
