// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Jobs.Copy;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Jobs.Verify;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;
using OvirtDistributed.Server.Repositories;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

internal sealed class JobAdminService(
    JobAdmission admission, BackupPreview preview, RestoreAdmission restores, RestorePreview restorePreview, CopyAdmission copies, VerifyAdmission verifications, JobQueries queries, JobSignal signal,
    TimeProvider time)
    : Wire.JobService.JobServiceBase
{
    // Progress comes from workers through any server; the signal only makes it quicker on this one.
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    public override async Task<Wire.RunBackupResponse> RunBackup(Wire.RunBackupRequest request, ServerCallContext context)
    {
        var admitted = await admission.AdmitBackupAsync(RequestOf(request), context.CancellationToken);
        return new Wire.RunBackupResponse
        {
            Jobs = { await queries.GetAsync(admitted.Jobs, context.CancellationToken) },
            LeftOut = { admitted.LeftOut.Select(BackupPlanMessages.ToWire) },
            Refused = { admitted.Refused.Select(BackupPlanMessages.ToWire) },
        };
    }

    public override async Task<Wire.PlanBackupResponse> PlanBackup(Wire.PlanBackupRequest request, ServerCallContext context)
    {
        try
        {
            var planned = await preview.PlanAsync(RequestOf(request.Backup ?? new Wire.RunBackupRequest()), context.CancellationToken);
            return new Wire.PlanBackupResponse
            {
                Plans = { planned.Plans.Select(BackupPlanMessages.ToWire) },
                LeftOut = { planned.LeftOut.Select(BackupPlanMessages.ToWire) },
            };
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

    private static BackupRequest RequestOf(Wire.RunBackupRequest request) =>
        new(SelectionOf(request), request.Manager, request.Repository, request.Full, request.Compression, request.RequestId)
        {
            TransportMode = request.TransportMode.Length == 0 ? TransportModes.Auto : request.TransportMode,
            DropSnapshot = request.DropSnapshot,
            Commands = CommandsOf(request.Commands),
            GuestKey = request.Commands?.Guest?.PrivateKey ?? "",
            Consistency = request.Consistency.Length == 0 ? ConsistencyRules.Auto : request.Consistency,
            FreezeTimeout = request.FreezeTimeout?.ToTimeSpan(),
        };

    private static BackupCommands? CommandsOf(Wire.BackupCommands? commands) => commands is null or { Pre: null, Post: null, Guest: null }
        ? null
        : new BackupCommands
        {
            Pre = CommandOf(commands.Pre),
            Post = CommandOf(commands.Post),
            TimeLimit = commands.TimeLimit?.ToTimeSpan() ?? BackupCommands.DefaultTimeLimit,
            ContinueAfterFailedPre = commands.PreFailure switch
            {
                "" or "abort" => false,
                "continue" => true,
                _ => throw OperatorException.Invalid("commands.pre_failure", commands.PreFailure, "use abort or continue."),
            },
            Guest = GuestOf(commands.Guest),
        };

    private static GuestAccess? GuestOf(Wire.GuestAccess? guest) => guest is null
        ? null
        : new GuestAccess { User = guest.User, Address = guest.Address, Port = guest.Port == 0 ? SshSettings.UsualPort : guest.Port, KnownHosts = guest.KnownHosts };

    private static CommandLine? CommandOf(Wire.BackupCommand? command) => command is null ? null : new CommandLine(command.Name, [.. command.Arguments]);

    private static VmSelection SelectionOf(Wire.RunBackupRequest request) => new()
    {
        Vms = [.. request.Vms],
        Patterns = [.. request.Patterns],
        Tags = [.. request.Tags],
        Clusters = [.. request.Clusters],
        ExcludedVms = [.. request.ExcludeVms],
        ExcludedTags = [.. request.ExcludeTags],
        ExcludedDisks = [.. request.ExcludeDisks],
    };

    public override async Task<Wire.RestoreVmResponse> RestoreVm(Wire.RestoreVmRequest request, ServerCallContext context)
    {
        if (request.Plan.Length > 0)
        {
            RestorePlanMessages.RequireNothingElse(request);
        }

        var id = request.Plan.Length > 0
            ? await restorePreview.ApplyAsync(request.Plan, ofOneDisk: false, request.AcceptLoss, request.RequestId, context.CancellationToken)
            : await restores.AdmitAsync(RestorePlanMessages.RequestOf(request), context.CancellationToken);
        return new Wire.RestoreVmResponse { Job = await queries.GetAsync(id, context.CancellationToken) };
    }

    public override async Task<Wire.PlanRestoreResponse> PlanRestore(Wire.PlanRestoreRequest request, ServerCallContext context)
    {
        if (request is { Restore: not null, Disk: not null })
        {
            throw OperatorException.Invalid("disk", request.Disk.Disk, "plan the restore of a VM or that of a disk, one at a time.");
        }

        if ((request.Disk?.Plan ?? request.Restore?.Plan) is { Length: > 0 } digest)
        {
            throw OperatorException.Invalid("plan", digest, "a plan is applied, not planned: leave it out here.");
        }

        var restore = request.Disk is { } disk ? RestorePlanMessages.RequestOf(disk) : RestorePlanMessages.RequestOf(request.Restore ?? new Wire.RestoreVmRequest());
        return new Wire.PlanRestoreResponse { Plan = RestorePlanMessages.ToWire(await restorePreview.PlanAsync(restore, context.CancellationToken)) };
    }

    public override async Task<Wire.RestoreDiskResponse> RestoreDisk(Wire.RestoreDiskRequest request, ServerCallContext context)
    {
        if (request.Plan.Length > 0)
        {
            RestorePlanMessages.RequireNothingElse(request);
        }

        var id = request.Plan.Length > 0
            ? await restorePreview.ApplyAsync(request.Plan, ofOneDisk: true, request.AcceptLoss, request.RequestId, context.CancellationToken)
            : await restores.AdmitAsync(RestorePlanMessages.RequestOf(request), context.CancellationToken);
        return new Wire.RestoreDiskResponse { Job = await queries.GetAsync(id, context.CancellationToken) };
    }

    public override async Task<Wire.CopyPointsResponse> CopyPoints(Wire.CopyPointsRequest request, ServerCallContext context)
    {
        var ids = await copies.AdmitAsync(
            new CopyRequest([.. request.Points], request.Repository, request.BytesPerSecond, request.Cluster, request.RequestId), context.CancellationToken);
        return new Wire.CopyPointsResponse { Jobs = { await queries.GetAsync(ids, context.CancellationToken) } };
    }

    public override async Task<Wire.VerifyPointsResponse> VerifyPoints(Wire.VerifyPointsRequest request, ServerCallContext context)
    {
        var ids = await verifications.AdmitAsync(
            new VerifyRequest([.. request.Points], request.BytesPerSecond, request.Cluster, request.RequestId, Repair: request.Repair), context.CancellationToken);
        return new Wire.VerifyPointsResponse { Jobs = { await queries.GetAsync(ids, context.CancellationToken) } };
    }

    public override async Task<Wire.ListJobsResponse> ListJobs(Wire.ListJobsRequest request, ServerCallContext context) =>
        new() { Jobs = { await queries.ListAsync(request.Limit, request.RunningOnly, request.Vm, context.CancellationToken) } };

    public override async Task<Wire.GetJobResponse> GetJob(Wire.GetJobRequest request, ServerCallContext context)
    {
        var id = await queries.ResolveAsync(request.Id, context.CancellationToken);
        return new Wire.GetJobResponse { Job = await queries.GetAsync(id, context.CancellationToken) };
    }

    public override async Task<Wire.CancelJobResponse> CancelJob(Wire.CancelJobRequest request, ServerCallContext context)
    {
        var id = await queries.ResolveAsync(request.Id, context.CancellationToken);
        if (await queries.RequestCancelAsync(id, context.CancellationToken))
        {
            signal.Wake(id);
        }

        return new Wire.CancelJobResponse { Job = await queries.GetAsync(id, context.CancellationToken) };
    }

    public override async Task WatchJob(Wire.WatchJobRequest request, IServerStreamWriter<Wire.WatchJobResponse> responseStream, ServerCallContext context)
    {
        var cancellationToken = context.CancellationToken;
        var id = await queries.ResolveAsync(request.Id, cancellationToken);
        Wire.Job? last = null;
        while (true)
        {
            var change = signal.NextChange(id);
            var job = await queries.GetAsync(id, cancellationToken);
            if (!SameState(last, job))
            {
                await responseStream.WriteAsync(new Wire.WatchJobResponse { Job = job }, cancellationToken);
                last = job;
            }

            if (job.Outcome != Wire.JobOutcome.Running)
            {
                return;
            }

            await Task.WhenAny(change, Task.Delay(WatchInterval, time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public override async Task<Wire.ListJobLogsResponse> ListJobLogs(Wire.ListJobLogsRequest request, ServerCallContext context)
    {
        var id = await queries.ResolveAsync(request.Id, context.CancellationToken);
        var lines = await queries.ListLogAsync(id, context.CancellationToken);
        return new Wire.ListJobLogsResponse
        {
            Entries =
            {
                lines.Select(line => new Wire.JobLogEntry
                {
                    Time = line.Time.ToTimestamp(),
                    Severity = JobMessages.Words(line.Severity.ToString()),
                    Message = line.Message,
                    TaskId = line.TaskId?.ToString("D") ?? "",
                }),
            },
        };
    }

    /// <summary>Elapsed time alone is no change.</summary>
    private static bool SameState(Wire.Job? last, Wire.Job job)
    {
        if (last is null)
        {
            return false;
        }

        var left = last.Clone();
        var right = job.Clone();
        foreach (var copy in new[] { left, right })
        {
            copy.Progress.Elapsed = null;
            foreach (var task in copy.Tasks)
            {
                task.Progress.Elapsed = null;
            }
        }

        return left.Equals(right);
    }
}
