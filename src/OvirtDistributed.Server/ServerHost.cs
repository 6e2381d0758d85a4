// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using Npgsql;
using OvirtDistributed.Hosting.Bus;
using OvirtDistributed.Hosting.Configuration;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Hosting.Telemetry;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Server.Jobs.Backup.Snapshots;
using OvirtDistributed.Server.Jobs.Copy;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Jobs.Verify;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Retention;
using OvirtDistributed.Server.Settings;
using OvirtDistributed.Server.Workers;
using OvirtDistributed.Worker;

namespace OvirtDistributed.Server;

/// <summary>Puts the backup server together.</summary>
public static class ServerHost
{
    /// <summary>
    /// Builds the server from its configuration: sections <c>Server</c>, <c>Listen</c>, <c>Tls</c> and <c>Bus</c>. Nothing is contacted before it starts;
    /// <paramref name="configure"/> runs last, for a host that adds to it.
    /// </summary>
    /// <exception cref="InvalidOperationException">The configuration cannot work; the message names every wrong setting.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        return Build(builder, configure);
    }

    /// <summary>As above, on a builder whose configuration is set already.</summary>
    public static WebApplication Build(WebApplicationBuilder builder, Action<WebApplicationBuilder>? configure = null)
    {
        ConfigurationCheck.ThrowIfWrong(
            builder.Configuration,
            (ServerOptions.Section, typeof(ServerOptions), []),
            (BusOptions.Section, typeof(BusOptions), []),
            (ServiceListenOptions.Section, typeof(ServiceListenOptions), []),
            (TlsOptions.Section, typeof(TlsOptions), []));
        var options = builder.Configuration.GetSection(ServerOptions.Section).Get<ServerOptions>() ?? new ServerOptions();
        var listen = builder.Configuration.GetSection(ServiceListenOptions.Section).Get<ServiceListenOptions>() ?? new ServiceListenOptions();
        var tlsOptions = builder.Configuration.GetSection(TlsOptions.Section).Get<TlsOptions>() ?? new TlsOptions();
        var bus = builder.Configuration.GetSection(BusOptions.Section).Get<BusOptions>() ?? new BusOptions();
        var problems = options.Problems().Concat(listen.Problems(tlsOptions.Enabled)).Concat(tlsOptions.Problems()).Concat(bus.Problems()).ToList();
        if (problems.Count > 0)
        {
            throw new InvalidOperationException(string.Join(Environment.NewLine, problems));
        }

        var tls = TlsIdentity.Load(tlsOptions);
        builder.AddServiceDefaults("ovd-server");
        builder.ListenOn(listen, tls);
        builder.Services.AddSingleton(options);
        AddDatabase(builder.Services, options);
        AddManagers(builder.Services, options);
        AddRepositories(builder.Services, tls);
        AddJobs(builder.Services);
        AddBus(builder.Services, bus);
        AddLoops(builder.Services);
        AddEmbeddedWorkers(builder.Services, tls);
        configure?.Invoke(builder);
        return Map(builder.Build());
    }

    internal static void AddDatabase(IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton(_ => NpgsqlDataSource.Create(options.ConnectionString));
        services.AddDbContextFactory<ServerDbContext>((provider, database) =>
            ServerDbContext.Configure(database, provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddSingleton<DatabaseMigrator>();
        services.AddSingleton<Installation>();
        services.AddSingleton<InstallationStart>();
        services.AddHostedService(provider => provider.GetRequiredService<InstallationStart>());
        services.AddReadiness<DatabaseCheck>("database");
    }

    private static void AddManagers(IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton(_ => PasswordSeal.Open(options.DataDirectory));
        services.AddSingleton<OvirtEngineClientFactory>();
        services.AddSingleton<FirstUseTrustFetcher>();
        services.AddSingleton<IEngineDirectory, EngineDirectory>();
        services.AddSingleton<ManagerRegistry>();
        services.AddSingleton<SshRegistry>();
        services.AddSingleton<InventoryMessages>();
        services.AddSingleton<IThawGuards, ThawGuardProcesses>();
    }

    private static void AddRepositories(IServiceCollection services, TlsIdentity? tls)
    {
        services.AddSingleton<IDataMover>(_ => new GrpcDataMover(tls));
        services.AddSingleton<RepositoryRegistry>();
        services.AddSingleton<RepositoryKeyring>();
    }

    /// <summary>Everything that runs jobs, apart from the engines, Data Movers and bus it talks to.</summary>
    internal static void AddJobs(IServiceCollection services)
    {
        services.AddSingleton<ServerInstruments>();
        services.AddSingleton<InventoryCatalog>();
        services.AddSingleton<InventoryReader>();
        services.AddSingleton<VmSelector>();
        services.AddSingleton<RepositoryMonitor>();
        services.AddSingleton<RepositoryKeys>();
        services.AddSingleton<PointCatalog>();
        services.AddSingleton<PointReader>();
        services.AddSingleton<RestorablePoint>();
        services.AddSingleton<ManifestBuilder>();
        services.AddSingleton<RetentionPlanner>();
        services.AddSingleton<SharedDamage>();
        services.AddSingleton<RetentionPolicies>();
        services.AddSingleton<RetentionRunner>();
        services.AddSingleton<VerifySchedule>();
        services.AddSingleton<PointRemoval>();
        services.AddSingleton<DamagedPoints>();
        services.AddSingleton<LiveFigures>();
        services.AddSingleton<PointLocks>();
        services.AddSingleton<PointVerification>();
        services.AddSingleton<PointPins>();
        services.AddSingleton<JobSignal>();
        services.AddSingleton<OutboxSignal>();
        services.AddSingleton<Leadership>();
        services.AddSingleton<PreparationLocks>();
        services.AddSingleton<TaskLeases>();
        services.AddSingleton<WorkerAttachments>();
        services.AddSingleton<VolumePreparation>();
        services.AddSingleton<SshPreparation>();
        services.AddSingleton<ExportPreparation>();
        services.AddSingleton<ExportLeases>();
        services.AddSingleton<VmImport>();
        services.AddSingleton<AttemptPreparation>();
        services.AddSingleton<EngineLedger>();
        services.AddSingleton<EngineCleanup>();
        services.AddSingleton<TaskSettlement>();
        services.AddSingleton<BackupRefusals>();
        services.AddSingleton<JobAdmission>();
        services.AddSingleton<RestoreTargets>();
        services.AddSingleton<RestorePlanner>();
        services.AddSingleton<RestoreSettingsPlanner>();
        services.AddSingleton<MetadataReader>();
        services.AddSingleton<RestoreAdmission>();
        services.AddSingleton<RestorePreview>();
        services.AddSingleton<WorkerClusters>();
        services.AddSingleton<CopyAdmission>();
        services.AddSingleton<VerifyAdmission>();
        services.AddSingleton<JobQueries>();
        services.AddSingleton<WorkerRegistry>();
        services.AddSingleton<WorkerCalls>();
        services.AddSingleton<StepExecutor>();
        services.AddSingleton<OutboxPump>();
        services.AddSingleton<Reconciler>();
        services.AddSingleton<OrphanSweep>();
        services.AddSingleton<BackupPlanner>();
        services.AddSingleton<BackupPreview>();
        services.AddSingleton<CbtSwitch>();
        services.AddSingleton<GuestFreezes>();
        services.AddSingleton<SnapshotFreeze>();
        services.AddSingleton<SnapshotBackup>();
        services.AddSingleton<IJobStep, PrepareBackupStep>();
        services.AddSingleton<GuestFinder>();
        services.AddSingleton<CommandRuns>();
        services.AddSingleton<CommandOrders>();
        services.AddSingleton<IJobStep, PreCommandStep>();
        services.AddSingleton<IJobStep, PostCommandStep>();
        services.AddSingleton<IJobStep, ReleaseGuestStep>();
        services.AddSingleton<IJobStep, StartBackupStep>();
        services.AddSingleton<IJobStep, AwaitBackupStep>();
        services.AddSingleton<IJobStep, CloneVmStep>();
        services.AddSingleton<IJobStep, ExportVmStep>();
        services.AddSingleton<IJobStep, CommitStep>();
        services.AddSingleton<IJobStep, FinalizeBackupStep>();
        services.AddSingleton<IJobStep, PruneCheckpointsStep>();
        services.AddSingleton<IJobStep, PrepareRestoreStep>();
        services.AddSingleton<IJobStep, SecureVmStep>();
        services.AddSingleton<IJobStep, ReleaseDiskStep>();
        services.AddSingleton<IJobStep, CreateVmStep>();
        services.AddSingleton<IJobStep, CompleteVmStep>();
        services.AddSingleton<IJobStep, RestoreSettingsStep>();
        services.AddSingleton<IJobStep, SwitchDisksStep>();
        services.AddSingleton<IJobStep, PutBackStep>();
        services.AddSingleton<IJobStep, StartVmStep>();
        services.AddSingleton<IJobStep, PrepareCopyStep>();
        services.AddSingleton<IJobStep, CommitCopyStep>();
        services.AddSingleton<IJobStep, PrepareVerifyStep>();
        services.AddSingleton<IJobStep, RecordVerifyStep>();
        foreach (var kind in Enum.GetValues<JobKind>())
        {
            services.AddSingleton<IJobStep>(provider => ActivatorUtilities.CreateInstance<CopyStep>(provider, kind));
            services.AddSingleton<IJobStep>(provider => ActivatorUtilities.CreateInstance<UndoStep>(provider, kind));
        }
    }

    private static void AddBus(IServiceCollection services, BusOptions bus)
    {
        services.AddServiceBus(bus);
        services.AddSingleton<IOfferSender, MassTransitOfferSender>();
        if (bus.InMemory)
        {
            services.AddSingleton<IClusterQueues, InMemoryClusterQueues>();
        }
        else
        {
            services.AddSingleton<IClusterQueues>(_ => new RabbitMqClusterQueues(bus));
        }
    }

    /// <summary>After <see cref="InstallationStart"/>, which is registered first and has migrated the database when these begin.</summary>
    private static void AddLoops(IServiceCollection services)
    {
        services.AddHostedService(provider => provider.GetRequiredService<Leadership>());

        // Stops after the runner: no step begins a freeze when all are ended.
        services.AddHostedService(provider => provider.GetRequiredService<GuestFreezes>());
        services.AddHostedService(provider => provider.GetRequiredService<OutboxPump>());
        services.AddHostedService<JobRunner>();
        services.AddHostedService(provider => provider.GetRequiredService<Reconciler>());
        services.AddHostedService(provider => provider.GetRequiredService<OrphanSweep>());
        services.AddHostedService(provider => provider.GetRequiredService<InventoryReader>());
        services.AddHostedService(provider => provider.GetRequiredService<RepositoryMonitor>());
        services.AddHostedService(provider => provider.GetRequiredService<RetentionRunner>());
        services.AddHostedService(provider => provider.GetRequiredService<VerifySchedule>());
    }

    private static void AddEmbeddedWorkers(IServiceCollection services, TlsIdentity? tls)
    {
        services.AddEmbeddedWorkers((provider, _) => new InProcessWorkerControl(provider.GetRequiredService<WorkerCalls>()), tls);
        services.AddHostedService<EmbeddedWorkerStart>();
    }

    private static WebApplication Map(WebApplication application)
    {
        application.MapServiceDefaults();
        application.MapGrpcService<WorkerControl>();
        application.MapGrpcService<ManagerAdminService>();
        application.MapGrpcService<RepositoryAdminService>();
        application.MapGrpcService<WorkerAdminService>();
        application.MapGrpcService<JobAdminService>();
        application.MapGrpcService<PointAdminService>();
        application.MapGrpcService<RetentionAdminService>();
        return application;
    }
}
