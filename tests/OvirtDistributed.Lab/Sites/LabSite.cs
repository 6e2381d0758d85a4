// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.DataMover;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Lab.Certificates;
using OvirtDistributed.Lab.Servers;
using OvirtDistributed.Server;
using OvirtDistributed.Simulator;

namespace OvirtDistributed.Lab.Sites;

/// <summary>
/// A whole installation on one machine: private PostgreSQL (and RabbitMQ), simulator, Data Mover, backup server and workers, with mutual TLS
/// between them. A manager "lab" and a repository "main" are known to the server. Disposing it ends everything it started.
/// </summary>
public sealed class LabSite : IAsyncDisposable
{
    public const string ManagerName = "lab";
    public const string RepositoryName = "main";

    private readonly LabOptions _options;
    private readonly Stack<IAsyncDisposable> _started = new();
    private readonly bool _ownDirectory;
    private readonly List<ILabService> _workers = [];
    private IReadOnlyList<WorkerVm> _workerVms = [];
    private PrivatePostgres? _postgres;
    private string _database = "";
    private PrivateRabbitMq? _rabbitMq;
    private LabCertificates? _certificates;
    private TlsIdentity? _adminIdentity;

    private LabSite(LabOptions options)
    {
        _options = options;
        _ownDirectory = options.DataDirectory is null;
        DataDirectory = options.DataDirectory ?? Directory.CreateTempSubdirectory("ovd-lab-").FullName;
    }

    public string DataDirectory { get; }

    public SimulatorHost Simulator { get; private set; } = null!;

    public ILabService DataMover { get; private set; } = null!;

    public ILabService Server { get; private set; } = null!;

    /// <summary>Workers of their own process; empty when they are embedded.</summary>
    public IReadOnlyList<ILabService> Workers => _workers;

    public AdminClients Admin { get; private set; } = null!;

    /// <summary>Certificate of the operator, for <c>ovd</c>.</summary>
    public TlsOptions AdminTls { get; private set; } = null!;

    public PrivateRabbitMq? RabbitMq => _rabbitMq;

    public string RepositoryDirectory => Path.Combine(DataDirectory, "repository");

    private string LogDirectory => Path.Combine(DataDirectory, "log");

    /// <summary>Starts everything; <paramref name="progress"/> hears what is being done.</summary>
    public static async Task<LabSite> StartAsync(LabOptions options, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var site = new LabSite(options);
        try
        {
            await site.StartAsync(progress ?? new Progress<string>(), cancellationToken);
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Changes the server's database behind its back: for what an accident would do.</summary>
    public Task ExecuteSqlAsync(string sql, CancellationToken cancellationToken) => _postgres!.ExecuteAsync(_database, sql, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var part))
        {
            await part.DisposeAsync();
        }

        _adminIdentity?.Dispose();
        if (_ownDirectory && Directory.Exists(DataDirectory))
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    private async Task StartAsync(IProgress<string> progress, CancellationToken cancellationToken)
    {
        PrepareDirectories();
        _certificates = LabCertificates.Create(Path.Combine(DataDirectory, "tls"), TimeProvider.System);
        progress.Report("PostgreSQL: a private cluster on a unix socket");
        _postgres = _options.Postgres ?? Owned(await PrivatePostgres.StartAsync(Path.Combine(DataDirectory, "pg"), cancellationToken));
        if (_options.SeparateProcesses)
        {
            progress.Report("RabbitMQ: a private broker on loopback");
            _rabbitMq = _options.RabbitMq ?? Owned(await PrivateRabbitMq.StartAsync(Path.Combine(DataDirectory, "mq"), cancellationToken));
        }

        progress.Report("oVirt simulator: manager, hosts and storage");
        Simulator = Owned(await SimulatorHost.StartAsync(
            _options.Simulator with { DataDirectory = Path.Combine(DataDirectory, "sim") }, _options.Model, cancellationToken));
        _workerVms = await WorkerVm.ShowAsync(_options, Simulator.Engine, DataDirectory, cancellationToken);
        progress.Report("Data Mover: one repository on the local file system");
        DataMover = Owned(NewDataMover());
        await DataMover.StartAsync(cancellationToken);
        await StartServerAndWorkersAsync(progress, cancellationToken);
        await IntroduceAsync(cancellationToken);
    }

    private async Task StartServerAndWorkersAsync(IProgress<string> progress, CancellationToken cancellationToken)
    {
        var clusters = await Simulator.Engine.ClustersAsync(cancellationToken);
        var embedded = _options.SeparateProcesses ? "" : $" with {clusters.Count} embedded workers";
        progress.Report($"backup server{embedded}");
        Server = Owned(await NewServerAsync(clusters, cancellationToken));
        await Server.StartAsync(cancellationToken);
        AdminTls = _certificates!.Issue("operator");
        _adminIdentity = TlsIdentity.Load(AdminTls);
        Admin = new AdminClients(Server.GrpcAddress, _adminIdentity!);
        _started.Push(new Disposing(Admin));
        if (!_options.SeparateProcesses)
        {
            return;
        }

        foreach (var cluster in clusters)
        {
            for (var number = 1; number <= _options.WorkersPerCluster; number++)
            {
                progress.Report($"worker {number} of cluster {cluster.Name}");
                _workers.Add(Owned(NewWorker(cluster, number)));
            }
        }

        await Task.WhenAll(_workers.Select(worker => worker.StartAsync(cancellationToken)));
    }

    /// <summary>Makes manager and repository known to the server, as an operator would.</summary>
    private async Task IntroduceAsync(CancellationToken cancellationToken)
    {
        _ = await Admin.Managers.AddManagerAsync(
            new AddManagerRequest
            {
                Name = ManagerName,
                Url = Simulator.ApiUrl.ToString(),
                User = _options.Simulator.User,
                Password = _options.Simulator.Password,
                CaPem = Simulator.CaPem,
            },
            cancellationToken: cancellationToken);
        _ = await Admin.Repositories.AddRepositoryAsync(
            new AddRepositoryRequest { Name = RepositoryName, MoverAddress = Address(DataMover), Create = true },
            cancellationToken: cancellationToken);
    }

    private void PrepareDirectories()
    {
        Directory.CreateDirectory(DataDirectory);
        Directory.CreateDirectory(LogDirectory);

        // PostgreSQL runs as another user under root and has to pass through.
        File.SetUnixFileMode(
            DataDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    private ILabService NewDataMover()
    {
        var settings = new ServiceSettings("datamover", _certificates!.Issue("datamover"))
            .Set($"DataMover:Repositories:{RepositoryName}:Path", RepositoryDirectory);
        foreach (var (key, value) in _options.DataMoverSettings)
        {
            _ = settings.Set(key, value);
        }

        return NewService("ovd-datamover", DataMoverHost.Build, settings);
    }

    /// <summary>Starts another manager, makes it known to the server under this name, and starts a worker in each of its clusters.</summary>
    public async Task<SimulatorHost> AddManagerAsync(string name, SimulatorModel model, CancellationToken cancellationToken)
    {
        var manager = Owned(await SimulatorHost.StartAsync(_options.Simulator with { DataDirectory = Path.Combine(DataDirectory, name) }, model, cancellationToken));
        _ = await Admin.Managers.AddManagerAsync(
            new AddManagerRequest
            {
                Name = name,
                Url = manager.ApiUrl.ToString(),
                User = _options.Simulator.User,
                Password = _options.Simulator.Password,
                CaPem = manager.CaPem,
            },
            cancellationToken: cancellationToken);
        foreach (var cluster in await manager.Engine.ClustersAsync(cancellationToken))
        {
            var worker = Owned(NewWorker(cluster, _workers.Count + 1));
            _workers.Add(worker);
            await worker.StartAsync(cancellationToken);
        }

        return manager;
    }

    /// <summary>Starts another Data Mover with one repository, which nobody has made known to the server.</summary>
    public async Task<ILabService> AddDataMoverAsync(string name, string repository, string directory, CancellationToken cancellationToken)
    {
        var settings = new ServiceSettings(name, _certificates!.Issue(name)).Set($"DataMover:Repositories:{repository}:Path", directory);
        var mover = Owned(NewService("ovd-datamover", DataMoverHost.Build, settings));
        await mover.StartAsync(cancellationToken);
        return mover;
    }

    private async Task<ILabService> NewServerAsync(IReadOnlyList<SimulatedCluster> clusters, CancellationToken cancellationToken)
    {
        var database = $"ovd_{Guid.NewGuid():N}";
        _database = database;
        await _postgres!.CreateDatabaseAsync(database, cancellationToken);
        var settings = new ServiceSettings("server", _certificates!.Issue("server"))
            .Set("Server:ConnectionString", _postgres.ConnectionStringOf(database))
            .Set("Server:DataDirectory", Path.Combine(DataDirectory, "server"))
            .Set("Server:HeartbeatInterval", _options.HeartbeatInterval)
            .Set("Server:LeaseDuration", _options.LeaseDuration);
        if (_rabbitMq is not null)
        {
            _ = settings.Set("Bus:Uri", _rabbitMq.Uri);
        }
        else
        {
            foreach (var (index, cluster) in clusters.Index())
            {
                _ = settings.Set($"Server:EmbeddedWorkers:{index}:ClusterId", cluster.Id.ToString())
                    .Set($"Server:EmbeddedWorkers:{index}:Slots", $"{_options.SlotsPerWorker}");
            }
        }

        foreach (var (key, value) in _options.ServerSettings)
        {
            _ = settings.Set(key, value);
        }

        return NewService("ovd-server", arguments => ServerHost.Build(arguments), settings);
    }

    private ILabService NewWorker(SimulatedCluster cluster, int number)
    {
        var name = $"worker-{cluster.Name.ToLowerInvariant()}-{number}";
        var tls = _certificates!.Issue(name);
        var settings = new ServiceSettings(name, tls)
            .Set("Worker:Server", Address(Server))
            .Set("Worker:ClusterId", cluster.Id.ToString())
            .Set("Worker:Name", name)
            .Set("Worker:Slots", $"{_options.SlotsPerWorker}")
            .Set("Bus:Uri", Seen(_rabbitMq!.Uri));
        var vm = _workerVms.ElementAtOrDefault(_workers.Count);
        vm?.AddTo(settings);
        foreach (var (key, value) in _options.WorkerSettings)
        {
            _ = settings.Set(key, value);
        }

        return vm?.Machine is { } machine
            ? new GuestService(machine, "ovd-worker", settings, tls)
            : new ProcessService("ovd-worker", settings, LogDirectory);
    }

    private ILabService NewService(string program, Func<string[], Microsoft.AspNetCore.Builder.WebApplication> build, ServiceSettings settings) =>
        _options.SeparateProcesses
            ? new ProcessService(program, settings, LogDirectory)
            : new HostedService(build, settings.Set("Logging:Console:Disabled", "true"));

    private string Address(ILabService service) => Seen(service.GrpcAddress.GetLeftPart(UriPartial.Authority));

    /// <summary>By name where VMs have to find it too: this machine's loopback is the name's address there.</summary>
    private string Seen(string address) => _options.BootWorkerVms ? address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) : address;

    private T Owned<T>(T part)
        where T : IAsyncDisposable
    {
        _started.Push(part);
        return part;
    }

    private sealed class Disposing(IDisposable part) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            part.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
