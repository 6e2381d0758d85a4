// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using OvirtDistributed.Hosting.Telemetry;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>
/// The first span of a trace: what the operator asked for. Its context always travels with the calls, so that the services' spans
/// belong together; the span itself is exported where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set.
/// </summary>
internal static class CliTelemetry
{
    private const int FlushMilliseconds = 2000;

    /// <summary>Starts the export; disposing it sends what is left, for a bounded time.</summary>
    public static IDisposable? Start(CliHost host)
    {
        if (host.Environment("OTEL_EXPORTER_OTLP_ENDPOINT") is not { Length: > 0 })
        {
            return null;
        }

        var provider = Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(resource => resource.AddService("ovd", serviceVersion: ServiceDefaults.Version))
            .AddSource(TelemetryNames.Prefix + "Cli")
            .AddOtlpExporter()
            .Build();
        return new Export(provider);
    }

    /// <summary>Begins the span of a command.</summary>
    public static Activity? StartCommand(ServerCommand command)
    {
        var names = new List<string>();
        for (System.CommandLine.Symbol? symbol = command; symbol is not null and not System.CommandLine.RootCommand; symbol = symbol.Parents.FirstOrDefault())
        {
            names.Insert(0, symbol.Name);
        }

        var name = "ovd " + string.Join(' ', names);
        if (Source.StartActivity(name, ActivityKind.Client) is { } recorded)
        {
            return recorded;
        }

        // Nobody listens here, but the services may: a plain activity still carries the context.
        var activity = new Activity(name) { ActivityTraceFlags = ActivityTraceFlags.Recorded };
        activity.SetIdFormat(ActivityIdFormat.W3C);
        return activity.Start();
    }

    private static readonly ActivitySource Source = new(TelemetryNames.Prefix + "Cli", ServiceDefaults.Version);

    private sealed class Export(TracerProvider provider) : IDisposable
    {
        public void Dispose()
        {
            provider.ForceFlush(FlushMilliseconds);
            provider.Dispose();
        }
    }
}
