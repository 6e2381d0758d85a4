// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.DataMover.Backup;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.DataMover.Control;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.DataMover.Maintenance;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.DataMover.Restore;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Hosting.Telemetry;

namespace OvirtDistributed.DataMover;

/// <summary>Puts a Data Mover together: as a process of its own, or inside another one (lab, tests).</summary>
public static class DataMoverHost
{
    public const string ServiceName = "ovd-datamover";

    private const int MaxWorkerMessageBytes = 4 << 20;

    /// <summary>A Data Mover configured by settings file, environment and command line, not yet started.</summary>
    /// <exception cref="OperatorException">The configuration cannot be used; the message lists every problem.</exception>
    public static WebApplication Build(string[] args) => Build(WebApplication.CreateSlimBuilder(args));

    /// <summary>
    /// A Data Mover from what <paramref name="builder"/> has been configured with (sections <c>DataMover</c>, <c>Listen</c>, <c>Tls</c>), not yet started.
    /// A <see cref="TimeProvider"/> registered before is used. Addresses: <see cref="ServiceEndpoints.GrpcAddress"/> once it has started.
    /// </summary>
    /// <exception cref="OperatorException">The configuration cannot be used; the message lists every problem.</exception>
    public static WebApplication Build(WebApplicationBuilder builder)
    {
        var settings = DataMoverSettings.Read(builder.Configuration);
        builder.AddServiceDefaults(ServiceName);
        builder.ListenOn(settings.Listen, settings.Tls);
        AddDataMover(builder.Services, settings);

        var application = builder.Build();
        _ = application.Services.GetRequiredService<RepositoryGauges>(); // nobody asks for it: it reports once it is made
        application.MapServiceDefaults();
        application.MapGrpcService<BackupSessionEndpoint>();
        application.MapGrpcService<ReadSessionEndpoint>();
        application.MapGrpcService<MoverControlEndpoint>();
        return application;
    }

    private static void AddDataMover(IServiceCollection services, DataMoverSettings settings)
    {
        if (settings.Tls is { } tls)
        {
            services.AddSingleton(_ => tls); // by factory: the container disposes it with the service
        }

        services.AddSingleton(settings.Options);
        services.AddSingleton<MoverInstruments>();
        services.AddSingleton<RepositoryRoster>();
        services.AddSingleton<RepositoryGauges>();
        services.AddSingleton<SessionTable>();
        services.AddSingleton<StreamBudget>();
        services.AddSingleton<JobLedger>();
        services.AddSingleton<Draining>();

        // gRPC makes services and interceptors for each call unless they are registered; these have no state of a call.
        services.AddSingleton<RepositoryFailureInterceptor>();
        services.AddSingleton<BackupSessionEndpoint>();
        services.AddSingleton<ReadSessionEndpoint>();
        services.AddSingleton<MoverControlEndpoint>();

        // A message is in memory as a whole before a stream's budget can bound it; 4 MiB are 64 Ki digests, 100,000 pages or 16 times a frame message.
        services.AddGrpc(grpc => grpc.Interceptors.Add<RepositoryFailureInterceptor>())
            .AddServiceOptions<BackupSessionEndpoint>(service => service.MaxReceiveMessageSize = MaxWorkerMessageBytes)
            .AddServiceOptions<ReadSessionEndpoint>(service => service.MaxReceiveMessageSize = MaxWorkerMessageBytes);
        services.AddBulkBuffers((long)settings.Options.Limits.BufferBudgetMiB << 20 >> 2);
        services.AddHostedService<RepositoryOpener>();
        services.AddHostedService<GarbageCollector>();
        services.AddReadiness<RepositoryReadiness>("repositories");
        services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.Options.Limits.DrainTimeout);
    }
}
