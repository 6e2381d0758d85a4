// SPDX-License-Identifier: Apache-2.0

using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.DataMover;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Server;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Server.Site;

/// <summary>The real server with an embedded worker, a real Data Mover and the simulator, in one process; driven over the admin API.</summary>
internal sealed class ServerSite : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly string _database;
    private WebApplication? _mover;
    private WebApplication? _server;
    private GrpcChannel? _channel;

    private ServerSite(string database)
    {
        _database = database;
    }

    public SimulatorHost Simulator { get; private set; } = null!;

    public JobService.JobServiceClient Jobs => new(_channel!);

    public ManagerService.ManagerServiceClient Managers => new(_channel!);

    public RepositoryService.RepositoryServiceClient Repositories => new(_channel!);

    public PointService.PointServiceClient Points => new(_channel!);

    public RetentionService.RetentionServiceClient Retention => new(_channel!);

    public WorkerService.WorkerServiceClient Workers => new(_channel!);

    public WorkerControlService.WorkerControlServiceClient WorkerControl => new(_channel!);

    public string Directory => _directory.Path;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<ServerSite> StartAsync(PostgresServer postgres, SimulatorModel model)
    {
        var site = new ServerSite(await postgres.EmptyDatabaseAsync());
        try
        {
            site.Simulator = await SimulatorHost.StartAsync(new SimulatorOptions(), model, Token);
            await site.StartMoverAsync();
            await site.StartServerAsync();
            await site.IntroduceAsync();
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops the server as an operator would, and starts it again on the same database.</summary>
    public async Task RestartServerAsync()
    {
        await StopServerAsync();
        await StartServerAsync();
    }

    public async Task<Job> BackUpAsync(string vm, bool full = false) =>
        Assert.Single((await Jobs.RunBackupAsync(new RunBackupRequest { Vms = { vm }, Full = full }, cancellationToken: Token)).Jobs);

    /// <summary>Follows a job to its end.</summary>
    public async Task<Job> EndOfAsync(Job job)
    {
        using var call = Jobs.WatchJob(new WatchJobRequest { Id = job.Id }, cancellationToken: Token);
        var last = job;
        while (await call.ResponseStream.MoveNext(Token))
        {
            last = call.ResponseStream.Current.Job;
        }

        return last;
    }

    public async Task<string> ExplainAsync(Job job)
    {
        var log = await Jobs.ListJobLogsAsync(new ListJobLogsRequest { Id = job.Id }, cancellationToken: Token);
        return $"{job.Outcome} in {job.State}: {job.Message}{Environment.NewLine}{string.Join(Environment.NewLine, log.Entries.Select(entry => entry.Message))}";
    }

    public async ValueTask DisposeAsync()
    {
        await StopServerAsync();
        if (_mover is not null)
        {
            await _mover.DisposeAsync();
        }

        if (Simulator is not null)
        {
            await Simulator.DisposeAsync();
        }

        _directory.Dispose();
    }

    private async Task StartMoverAsync()
    {
        _mover = DataMoverHost.Build([$"--DataMover:Repositories:main:Path={_directory.File("repository")}", "--Logging:Console:Disabled=true"]);
        await _mover.StartAsync(Token);
    }

    private async Task StartServerAsync()
    {
        var clusters = (await Simulator.Engine.VmsAsync(Token)).Select(vm => vm.ClusterId).Distinct();
        var workers = clusters.SelectMany((cluster, index) => new[]
        {
            $"--Server:EmbeddedWorkers:{index}:ClusterId={cluster}", $"--Server:EmbeddedWorkers:{index}:Slots=2",
        });
        _server = ServerHost.Build([
            $"--Server:ConnectionString={_database}", $"--Server:DataDirectory={_directory.File("server")}", "--Server:PollInterval=00:00:00.1",
            "--Server:HeartbeatInterval=00:00:01", "--Server:LeaseDuration=00:00:30", "--Logging:Console:Disabled=true", .. workers]);
        await _server.StartAsync(Token);
        _channel = GrpcChannels.Create(_server.GrpcAddress().ToString(), null);
    }

    private async Task StopServerAsync()
    {
        _channel?.Dispose();
        if (_server is not null)
        {
            await _server.StopAsync(CancellationToken.None);
            await _server.DisposeAsync();
            _server = null;
        }
    }

    private async Task IntroduceAsync()
    {
        await Managers.AddManagerAsync(
            new AddManagerRequest { Name = "lab", Url = Simulator.ApiUrl.ToString(), User = "admin@internal", Password = "password", CaPem = Simulator.CaPem },
            cancellationToken: Token);
        await Repositories.AddRepositoryAsync(
            new AddRepositoryRequest { Name = "main", MoverAddress = _mover!.GrpcAddress().ToString(), Create = true }, cancellationToken: Token);
    }
}
