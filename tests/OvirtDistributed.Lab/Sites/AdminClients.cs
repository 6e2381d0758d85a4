// SPDX-License-Identifier: Apache-2.0

using Grpc.Net.Client;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Lab.Sites;

/// <summary>Clients of the backup server's admin API over one channel.</summary>
public sealed class AdminClients : IDisposable
{
    private readonly GrpcChannel _channel;

    public AdminClients(Uri server, TlsIdentity tls)
    {
        _channel = GrpcChannels.Create(server.GetLeftPart(UriPartial.Authority), tls);
        Managers = new ManagerService.ManagerServiceClient(_channel);
        Repositories = new RepositoryService.RepositoryServiceClient(_channel);
        Workers = new WorkerService.WorkerServiceClient(_channel);
        Jobs = new JobService.JobServiceClient(_channel);
        Points = new PointService.PointServiceClient(_channel);
    }

    public ManagerService.ManagerServiceClient Managers { get; }

    public RepositoryService.RepositoryServiceClient Repositories { get; }

    public WorkerService.WorkerServiceClient Workers { get; }

    public JobService.JobServiceClient Jobs { get; }

    public PointService.PointServiceClient Points { get; }

    public void Dispose() => _channel.Dispose();
}
