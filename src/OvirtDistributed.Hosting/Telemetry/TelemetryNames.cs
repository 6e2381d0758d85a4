// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Hosting.Telemetry;

/// <summary>Activity sources and meters that every service listens to: our own, and those of the libraries under us.</summary>
public static class TelemetryNames
{
    /// <summary>Prefix of all our activity sources and meters: <c>OvirtDistributed.Server</c>, <c>OvirtDistributed.Worker</c>, …</summary>
    public const string Prefix = "OvirtDistributed.";

    internal static readonly string[] Sources =
        [Prefix + "*", "Microsoft.AspNetCore", "System.Net.Http", "Grpc.Net.Client", "Npgsql", "MassTransit"];

    internal static readonly string[] Meters =
        [Prefix + "*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime", "Npgsql", "MassTransit"];
}
