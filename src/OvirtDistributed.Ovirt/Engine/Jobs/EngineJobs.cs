// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Jobs;

/// <summary>The engine's jobs, found by the correlation id of the call that began them.</summary>
/// <remarks>Finished jobs are forgotten after 10 minutes, failed ones after an hour.</remarks>
public sealed class EngineJobs
{
    private readonly EngineHttp _http;
    private readonly EnginePoll _poll;

    internal EngineJobs(EngineHttp http, EnginePoll poll)
    {
        _http = http;
        _poll = poll;
    }

    public Task<IReadOnlyList<EngineJob>> ListAsync(CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ListAsync(
            EngineQuery.With("jobs", ("search", $"correlation_id={correlation}")),
            EngineJson.Default.WireListJobDto,
            dto => new EngineJob(
                WireValue.Id<JobId>(dto.Id, "job.id"), WireValue.Word<EngineJobStatus>(dto.Status), dto.Description ?? string.Empty, dto.StartTime, dto.EndTime),
            cancellationToken);

    /// <summary>Waits until no job of the call runs any more.</summary>
    /// <remarks>Needed because an entity may show ok before the engine lets go of its lock. No job at all counts as done.</remarks>
    /// <exception cref="OvirtException">A job failed or was aborted (<see cref="OvirtError.JobFailed"/>), or <see cref="OvirtError.Timeout"/>.</exception>
    public async Task<IReadOnlyList<EngineJob>> WaitAsync(CorrelationId correlation, CancellationToken cancellationToken)
    {
        var jobs = await _poll.UntilAsync(
            $"the jobs of correlation id {correlation}",
            _poll.Timeouts.Jobs,
            async token =>
            {
                var found = await ListAsync(correlation, token);
                return found.FirstOrDefault(job => job.Status == EngineJobStatus.Started) is { } running
                    ? PollResult<IReadOnlyList<EngineJob>>.Waiting($"'{running.Description}' still running")
                    : PollResult<IReadOnlyList<EngineJob>>.Finished(found);
            },
            cancellationToken);
        if (jobs.FirstOrDefault(job => job.Status != EngineJobStatus.Finished) is { } failed)
        {
            throw new OvirtException(OvirtError.JobFailed, $"The manager's job '{failed.Description}' ended as {failed.Status} (correlation id {correlation}).")
            {
                Correlation = correlation,
            };
        }

        return jobs;
    }
}
