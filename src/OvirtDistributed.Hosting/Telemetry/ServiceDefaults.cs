// SPDX-License-Identifier: Apache-2.0

using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using OvirtDistributed.Hosting.Grpc;

namespace OvirtDistributed.Hosting.Telemetry;

/// <summary>What every service does alike: telemetry, health, time, logging, gRPC errors.</summary>
public static class ServiceDefaults
{
    private const string ReadyTag = "ready";

    // The library makes room for all series of an instrument at once, for 2,000 when nothing is said: 6 MiB in a Data Mover. Ours have a few for each repository or worker.
    private const int MostSeriesPerInstrument = 256;

    /// <summary>Trailer of every unary answer with the service's <see cref="Version"/>, so that a client can show and compare it.</summary>
    public const string VersionTrailer = "ovd-version";

    /// <summary>The version of the running service, as it shows in telemetry and answers.</summary>
    public static string Version { get; } =
        typeof(ServiceDefaults).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>
    /// Adds traces, metrics and logs by OTLP where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set, the Prometheus endpoint,
    /// health checks, <see cref="TimeProvider"/> and gRPC with the error interceptor.
    /// </summary>
    public static IHostApplicationBuilder AddServiceDefaults(this IHostApplicationBuilder builder, string serviceName)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddHealthChecks();
        // Registered: gRPC would make one for each call, by a constructor that it compiles from an expression.
        builder.Services.AddSingleton<FailureInterceptor>();
        builder.Services.AddGrpc(grpc =>
        {
            grpc.Interceptors.Add<FailureInterceptor>();
            grpc.MaxReceiveMessageSize = 64 * 1024 * 1024;
            grpc.MaxSendMessageSize = 64 * 1024 * 1024;
            grpc.EnableDetailedErrors = false;
        });
        AddTelemetry(builder, serviceName);
        AddConsoleLog(builder);
        return builder;
    }

    /// <summary>Maps <c>/healthz/live</c>, <c>/healthz/ready</c> (checks tagged "ready") and <c>/metrics</c>.</summary>
    public static IEndpointRouteBuilder MapServiceDefaults(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks("/healthz/live", new HealthCheckOptions { Predicate = _ => false });
        endpoints.MapHealthChecks("/healthz/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains(ReadyTag) });
        // No parameters to bind: that takes compiled expressions, and each service would keep what compiles them in memory.
        endpoints.MapGet("/metrics", new RequestDelegate(async context =>
        {
            context.Response.ContentType = PrometheusReader.ContentType;
            await context.RequestServices.GetRequiredService<PrometheusReader>().WriteAsync(context.Response.Body, context.RequestAborted);
        }));
        return endpoints;
    }

    /// <summary>Adds a readiness check: the service answers <c>/healthz/ready</c> with 503 while any is unhealthy.</summary>
    public static IHealthChecksBuilder AddReadiness<T>(this IServiceCollection services, string name)
        where T : class, Microsoft.Extensions.Diagnostics.HealthChecks.IHealthCheck =>
        services.AddHealthChecks().AddCheck<T>(name, tags: [ReadyTag]);

    private static void AddTelemetry(IHostApplicationBuilder builder, string serviceName)
    {
        var otlp = !string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        var prometheus = new PrometheusReader();
        builder.Services.AddSingleton(prometheus);
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(serviceName, serviceVersion: Version))
            .WithTracing(tracing =>
            {
                tracing.AddSource(TelemetryNames.Sources);
                if (otlp)
                {
                    tracing.AddOtlpExporter();
                }
            })
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(TelemetryNames.Meters).AddReader(prometheus.Reader);
                metrics.AddView("*", new MetricStreamConfiguration { CardinalityLimit = MostSeriesPerInstrument });
                if (otlp)
                {
                    metrics.AddOtlpExporter();
                }
            });
        if (otlp)
        {
            telemetry.WithLogging(logging => logging.AddOtlpExporter());
        }
    }

    private static void AddConsoleLog(IHostApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        if (!builder.Configuration.GetValue("Logging:Console:Disabled", false))
        {
            builder.Logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                console.UseUtcTimestamp = true;
            });
        }

        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);

        // A failed command throws as well; on its own it is no news (the first start asks for a history table that is not there yet).
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore.Database.Command", LogLevel.Critical);
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
        builder.Logging.AddFilter("Grpc", LogLevel.Warning);
        builder.Logging.AddFilter("MassTransit", LogLevel.Warning);
        builder.Logging.AddFilter("System.Net.Http", LogLevel.Warning);
    }
}
