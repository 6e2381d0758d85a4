// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace OvirtDistributed.Worker.Agent;

/// <summary>Ready means: registered, and the server answered the last call.</summary>
internal sealed class WorkerReadiness(WorkerAgent agent) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(agent.IsConnected ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("The backup server does not answer."));
}
