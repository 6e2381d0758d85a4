// SPDX-License-Identifier: Apache-2.0

using Grpc.Net.Client;
using MassTransit;
using OvirtDistributed.Hosting.Bus;
using OvirtDistributed.Hosting.Configuration;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Hosting.Telemetry;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Worker.Agent;
using OvirtDistributed.Worker.Transports.ExportDomain;

namespace OvirtDistributed.Worker;

/// <summary>The worker as a process of its own.</summary>
public static class WorkerHost
{
    private const string ServiceName = "ovd-worker";
    private const string ExportDomains = "ExportDomains";

    // The agent's own limit for winding down, and the bus's after it.
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Builds the application from configuration sections <c>Worker</c>, <c>Bus</c>, <c>Tls</c> and <c>Listen</c>; not started.</summary>
    /// <exception cref="InvalidOperationException">The configuration cannot be used; the message has one line for each problem.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        configure?.Invoke(builder);
        ConfigurationCheck.ThrowIfWrong(
            builder.Configuration,
            (WorkerOptions.Section, typeof(WorkerOptions), [ExportDomains]),
            (BusOptions.Section, typeof(BusOptions), []),
            (ServiceListenOptions.Section, typeof(ServiceListenOptions), []),
            (TlsOptions.Section, typeof(TlsOptions), []));
        var worker = Section<WorkerOptions>(builder, WorkerOptions.Section);
        worker.ExportMounts = ExportMounts.Read(builder.Configuration.GetSection($"{WorkerOptions.Section}:{ExportDomains}"));
        var bus = Section<BusOptions>(builder, BusOptions.Section);
        var listen = Section<ServiceListenOptions>(builder, ServiceListenOptions.Section);
        var tlsOptions = Section<TlsOptions>(builder, TlsOptions.Section);
        ThrowIfInvalid([.. worker.Problems(embedded: false), .. BusProblems(bus), .. tlsOptions.Problems(), .. listen.Problems(tlsOptions.Enabled)]);

        var tls = TlsIdentity.Load(tlsOptions);
        builder.AddServiceDefaults(ServiceName);
        builder.ListenOn(listen, tls);
        builder.Services.AddServiceBus(bus);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        builder.Services.AddSingleton(_ => GrpcChannels.Create(worker.Server!, tls));
        builder.Services.AddSingleton(services => WorkerServices.CreateAgent(
            worker,
            new GrpcWorkerControl(services.GetRequiredService<GrpcChannel>().CreateCallInvoker(), services.GetRequiredService<TimeProvider>()),
            services.GetRequiredService<IBus>(),
            tls,
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddHostedService<WorkerAgentService>();
        builder.Services.AddReadiness<WorkerReadiness>("server");
        var application = builder.Build();
        application.MapServiceDefaults();
        return application;
    }

    private static T Section<T>(WebApplicationBuilder builder, string name)
        where T : new() => builder.Configuration.GetSection(name).Get<T>() ?? new T();

    private static IEnumerable<string> BusProblems(BusOptions bus) => bus.InMemory
        ? [$"{BusOptions.Section}:Uri is not set: a worker of its own needs the RabbitMQ of the backup server, amqp://user:password@host:5672/."]
        : bus.Problems();

    private static void ThrowIfInvalid(List<string> problems)
    {
        if (problems.Count > 0)
        {
            throw new InvalidOperationException(string.Join(Environment.NewLine, problems));
        }
    }
}
