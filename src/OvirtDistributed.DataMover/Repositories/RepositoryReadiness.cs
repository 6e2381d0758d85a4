// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Diagnostics.HealthChecks;
using OvirtDistributed.Contracts.Mover.V1;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>Ready when no repository is still being opened and at least one can be used or created. A broken one shows as degraded: the others go on.</summary>
internal sealed class RepositoryReadiness(RepositoryRoster roster) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var unusable = roster.All
            .Where(repository => repository.State is RepositoryState.Failed or RepositoryState.Opening)
            .Select(repository => $"{repository.Name}: {repository.Problem}")
            .ToList();
        var text = string.Join("; ", unusable);
        if (roster.All.Any(repository => repository.State == RepositoryState.Opening) || unusable.Count == roster.All.Count)
        {
            return Task.FromResult(HealthCheckResult.Unhealthy(text));
        }

        return Task.FromResult(unusable.Count == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded(text));
    }
}
