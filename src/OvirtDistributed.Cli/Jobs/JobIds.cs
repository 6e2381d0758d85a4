// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

/// <summary>From what the operator typed to a full id. Only "get" calls know shortened ids; everything that acts on a job is sent the full one.</summary>
internal static class JobIds
{
    public static async Task<string> ResolveAsync(ServerConnection server, string typed, CancellationToken cancellationToken)
    {
        if (Guid.TryParse(typed, out _))
        {
            return typed;
        }

        var response = await server.Jobs.GetJobAsync(new GetJobRequest { Id = typed }, server.Call(cancellationToken));
        return response.Job.Id;
    }
}
