// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

/// <summary>From what the operator typed to a full id of a restore point.</summary>
internal static class PointIds
{
    public static async Task<string> ResolveAsync(ServerConnection server, string typed, CancellationToken cancellationToken)
    {
        if (Guid.TryParse(typed, out _))
        {
            return typed;
        }

        var response = await server.Points.GetPointAsync(new GetPointRequest { Id = typed }, server.Call(cancellationToken));
        return response.Point.Id;
    }
}
