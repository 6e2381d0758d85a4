// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Errors;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli.Fakes;

internal sealed class FakeJobService(FakeInstallation installation) : JobService.JobServiceBase
{
    public override Task<RunBackupResponse> RunBackup(RunBackupRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new RunBackupResponse { Jobs = { installation.Jobs }, Refused = { installation.Refused } });

    public override Task<PlanBackupResponse> PlanBackup(PlanBackupRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new PlanBackupResponse { Plans = { Samples.Plan() }, LeftOut = { Samples.LeftOut() } });

    public override Task<RestoreVmResponse> RestoreVm(RestoreVmRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () =>
        {
            installation.RequireAcceptedLoss(request.AcceptLoss);
            return new RestoreVmResponse { Job = installation.Jobs[0] };
        });

    public override Task<PlanRestoreResponse> PlanRestore(PlanRestoreRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new PlanRestoreResponse { Plan = Samples.RestorePlan() });

    public override Task<RestoreDiskResponse> RestoreDisk(RestoreDiskRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () =>
        {
            installation.RequireAcceptedLoss(request.AcceptLoss);
            return new RestoreDiskResponse { Job = installation.Jobs[0] };
        });

    public override Task<ListJobsResponse> ListJobs(ListJobsRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new ListJobsResponse { Jobs = { installation.Jobs } });

    public override Task<GetJobResponse> GetJob(GetJobRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new GetJobResponse { Job = Find(request.Id) });

    public override Task<CancelJobResponse> CancelJob(CancelJobRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new CancelJobResponse { Job = Find(request.Id) });

    public override Task<ListJobLogsResponse> ListJobLogs(ListJobLogsRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () =>
        {
            Find(request.Id);
            return new ListJobLogsResponse { Entries = { installation.Logs } };
        });

    public override async Task WatchJob(WatchJobRequest request, IServerStreamWriter<WatchJobResponse> responseStream, ServerCallContext context)
    {
        await installation.AnswerAsync(request, context, () => Find(request.Id));
        if (!installation.WatchScripts.TryDequeue(out var script))
        {
            throw new OperatorException(FailureKind.WrongState, "The test wrote no script for this watch.");
        }

        var ended = false;
        await foreach (var job in script.Reader.ReadAllAsync(context.CancellationToken))
        {
            await responseStream.WriteAsync(new WatchJobResponse { Job = job }, context.CancellationToken);
            ended |= job.Outcome is not (JobOutcome.Running or JobOutcome.Unspecified);
        }

        if (!ended)
        {
            context.GetHttpContext().Abort();
        }
    }

    private Job Find(string id) =>
        installation.Jobs.FirstOrDefault(job => job.Id.StartsWith(id, StringComparison.Ordinal))
        ?? throw new OperatorException(FailureKind.NotFound, $"Job '{id}' does not exist.");
}
