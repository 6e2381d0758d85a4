// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Grpc.Net.Client;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Cli.Connection;

/// <summary>The connection to the backup server with a client for each of its services. Connects with the first call.</summary>
internal sealed class ServerConnection : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly ConnectionSettings _settings;

    private ServerConnection(string address, GrpcChannel channel, TlsIdentity? tls, ConnectionSettings settings)
    {
        Address = address;
        Tls = tls;
        _channel = channel;
        _settings = settings;
        Managers = new ManagerService.ManagerServiceClient(channel);
        Repositories = new RepositoryService.RepositoryServiceClient(channel);
        Workers = new WorkerService.WorkerServiceClient(channel);
        Jobs = new JobService.JobServiceClient(channel);
        Points = new PointService.PointServiceClient(channel);
        Retention = new RetentionService.RetentionServiceClient(channel);
    }

    public string Address { get; }

    /// <summary>The operator's certificate; Data Movers are reached with the same one.</summary>
    public TlsIdentity? Tls { get; }

    public ManagerService.ManagerServiceClient Managers { get; }

    public RepositoryService.RepositoryServiceClient Repositories { get; }

    public WorkerService.WorkerServiceClient Workers { get; }

    public JobService.JobServiceClient Jobs { get; }

    public PointService.PointServiceClient Points { get; }

    public RetentionService.RetentionServiceClient Retention { get; }

    /// <exception cref="CliException">The settings name no usable address or certificate.</exception>
    public static ServerConnection Create(ConnectionSettings settings)
    {
        var address = settings.Server
            ?? throw CliException.Invalid("No backup server is named: give --server https://HOST:PORT, set OVD_SERVER, or write \"server\" into the configuration file.");
        var tls = ServiceAddress.LoadTls(settings.Tls);
        try
        {
            return new ServerConnection(address, ServiceAddress.Connect("server", address, tls), tls, settings);
        }
        catch
        {
            tls?.Dispose();
            throw;
        }
    }

    /// <summary>Options of a call that answers at once: limited by <c>--timeout</c>.</summary>
    public CallOptions Call(CancellationToken cancellationToken) =>
        CallLimit.Of(_settings.Timeout, cancellationToken);

    public void Dispose()
    {
        _channel.Dispose();
        Tls?.Dispose();
    }
}
