// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Server.Jobs.Copy;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Workers;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>The server's job machinery on a real database, with engine, Data Mover and bus in memory. The test is the runner and the clock.</summary>
internal sealed class TestSite : IEngineDirectory, IAsyncDisposable
{
    public const string WorkerId = "worker-1";
    private readonly string _dataDirectory = Directory.CreateTempSubdirectory("ovd-server-").FullName;
    private readonly ServiceProvider _services;

    private TestSite(string connectionString)
    {
        Options = new ServerOptions { ConnectionString = connectionString, DataDirectory = _dataDirectory, PollInterval = TimeSpan.FromMilliseconds(1) };
        Options.EmbeddedWorkers.Add(new EmbeddedWorkerOptions { ClusterId = ClusterId }); // There whatever the test does with the clock.
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddMetrics();
        services.AddSingleton<TimeProvider>(Time);
        services.AddSingleton(Options);
        ServerHost.AddDatabase(services, Options);
        ServerHost.AddJobs(services);
        services.AddSingleton(_ => PasswordSeal.Open(_dataDirectory));
        services.AddSingleton<IEngineDirectory>(this);
        services.AddSingleton<IThawGuards>(Guards);
        services.AddSingleton<IDataMover>(Mover);
        services.AddSingleton<RepositoryRegistry>();
        services.AddSingleton<SshRegistry>();
        services.AddSingleton<IOfferSender>(Bus);
        services.AddSingleton<IClusterQueues>(Bus);
        _services = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = false });
        _services.GetRequiredService<Installation>().InstanceId = InstanceId;
    }

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public Guid InstanceId { get; } = Guid.NewGuid();

    public Guid ManagerId { get; } = Guid.NewGuid();

    public Guid ClusterId { get; } = Guid.NewGuid();

    public Guid FileDomainId { get; } = Guid.NewGuid();

    public Guid BlockDomainId { get; } = Guid.NewGuid();

    public Guid RepositoryId { get; private set; }

    public SteppingTimeProvider Time { get; } = new();

    public FakeEngine Engine { get; } = new();

    public FakeThawGuards Guards { get; } = new();

    public FakeDataMover Mover { get; } = new();

    public FakeBus Bus { get; } = new();

    public ServerOptions Options { get; }

    public static async Task<TestSite> StartAsync(PostgresServer postgres)
    {
        var site = new TestSite(await postgres.NewDatabaseAsync());
        await site.FillAsync();
        return site;
    }

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public ServerDbContext Database() => Get<IDbContextFactory<ServerDbContext>>().CreateDbContext();

    public Task<EngineAccess> OpenAsync(Guid managerId, CancellationToken cancellationToken) => managerId == ManagerId
        ? Task.FromResult(new EngineAccess(managerId, "manager", Engine, "host-ca", "web-ca", new Dictionary<string, string>()))
        : throw new EngineException(EngineFailure.Refused, "unknown manager");

    public EngineVm AddVm(string name, int disks = 1, string status = "down")
    {
        var vm = new EngineVm
        {
            Id = Guid.NewGuid(),
            Name = name,
            ClusterId = ClusterId,
            Status = status,
            Disks = [.. Enumerable.Range(1, disks).Select(number => NewDisk($"{name}_disk{number}"))],
        };
        Engine.Vms[vm.Id] = vm;
        return vm;
    }

    public EngineDisk NewDisk(string alias) => new()
    {
        Id = Guid.NewGuid(),
        Alias = alias,
        SizeBytes = 1 << 20,
        IncrementalEnabled = true,
        StorageDomainId = FileDomainId,
    };

    /// <summary>Reads the fake engine's inventory into the database, as the server does from time to time.</summary>
    public Task ReadInventoryAsync() => Get<InventoryReader>().ReadAsync(ManagerId, Token);

    public async Task<Guid> BackUpAsync(string vm, bool full = false, string requestId = "", string mode = TransportModes.Auto, bool dropSnapshot = false, string consistency = ConsistencyRules.Auto)
    {
        await ReadInventoryAsync();
        var request = new BackupRequest(VmSelection.Of(vm), "", "", full, "", requestId) { TransportMode = mode, DropSnapshot = dropSnapshot, Consistency = consistency };
        return (await Get<JobAdmission>().AdmitBackupAsync(request, Token)).Jobs[0];
    }

    /// <summary>Registers the worker of the tests as one that runs in a VM, and answers the VM.</summary>
    public async Task<EngineVm> AddWorkerVmAsync(Guid? vmId = null)
    {
        var vm = vmId is { } id ? Engine.Vms[id] : AddVm("worker-vm", status: "up");
        await using var context = Database();
        context.Workers.Add(new StoredWorker
        {
            Id = WorkerId,
            Name = WorkerId,
            ClusterId = ClusterId,
            TransportModes = TransportModes.All,
            SystemUuid = vm.Id.ToString("D"),
            LastSeen = Time.GetUtcNow(),
        });
        await context.SaveChangesAsync(Token);
        return vm;
    }

    public async Task<Job> JobAsync(Guid id)
    {
        await using var context = Database();
        return await context.Jobs.AsNoTracking().Include(job => job.Tasks).FirstAsync(job => job.Id == id, Token);
    }

    public Task<bool> StepAsync(Guid job) => Get<StepExecutor>().RunStepAsync(job, Token);

    /// <summary>Runs steps, waits included, until the job is in one of the states.</summary>
    public async Task<Job> DriveAsync(Guid id, params JobState[] until)
    {
        for (var round = 0; round < 200; round++)
        {
            var job = await JobAsync(id);
            if (until.Contains(job.State) || JobStateMachine.IsEnd(job.State))
            {
                return job;
            }

            await StepAsync(id);
        }

        var stuck = await JobAsync(id);
        throw new TimeoutException($"Job {id} stays in {stuck.State}: {stuck.Message}; tasks: {string.Join(", ", stuck.Tasks.Select(task => $"{task.State} {task.Message}"))}");
    }

    /// <summary>Runs the job to its end, with a worker that succeeds at every offer.</summary>
    public Task<Job> RunToEndAsync(Guid id) => RunToAsync(id);

    /// <summary>Runs the job to one of the states or its end, with a worker that succeeds at every offer.</summary>
    public async Task<Job> RunToAsync(Guid id, params JobState[] until)
    {
        while (true)
        {
            var job = await DriveAsync(id, [JobState.Copying, .. until]);
            if (JobStateMachine.IsEnd(job.State) || until.Contains(job.State))
            {
                return job;
            }

            foreach (var task in job.Tasks.Where(task => task.State == TaskState.Offered))
            {
                var claim = await LeaseAsync(task);
                Assert.NotNull(await Get<AttemptPreparation>().PrepareAsync(claim, Token));
                await SucceedAsync(claim, task);
            }

            await StepAsync(id);
        }
    }

    public async Task<LeaseClaim> LeaseAsync(DiskTask task, string workerId = WorkerId)
    {
        var grant = await Get<TaskLeases>().AcquireAsync(workerId, task.Id, task.Attempt, Token);
        Assert.True(grant.Granted, grant.Refusal);
        return new LeaseClaim(workerId, task.Id, task.Attempt, grant.FencingToken);
    }

    public async Task SucceedAsync(LeaseClaim claim, DiskTask task, TaskRescue? rescue = null)
    {
        var digest = new byte[32];
        digest[0] = 1;
        var result = new TaskResult(digest, MapGeometry.LevelsOf(task.SizeBytes), task.SizeBytes, 100, null, TaskStatistics.Empty with { ReadBytes = 1000 }) { Rescue = rescue };
        Assert.True(await Get<TaskLeases>().ReportSuccessAsync(claim, result, Token));
    }

    public Task<bool> FailAsync(LeaseClaim claim, string code = "SourceFailed") =>
        Get<TaskLeases>().ReportFailureAsync(claim, code, "the worker was told to fail", TaskStatistics.Empty, Token);

    public async ValueTask DisposeAsync()
    {
        await Get<GuestFreezes>().EndAllAsync();
        await _services.DisposeAsync();
        Directory.Delete(_dataDirectory, recursive: true);
    }

    /// <summary>The one repository; it is encrypted.</summary>
    public async Task<StoredRepository> RepositoryAsync()
    {
        await using var context = await Get<IDbContextFactory<ServerDbContext>>().CreateDbContextAsync(Token);
        return await context.Repositories.AsNoTracking().SingleAsync(Token);
    }

    /// <summary>Makes another repository known, with the same key, and a copy of a point in it, as a copy job leaves it.</summary>
    public async Task<RestorePoint> CopyPointAsync(string pointId, string repository, Action<RestorePoint>? change = null)
    {
        await using var context = Database();
        var original = await context.Repositories.AsNoTracking().SingleAsync(row => row.Id == RepositoryId, Token);
        var target = new StoredRepository
        {
            Id = Guid.NewGuid(),
            Name = repository,
            MoverAddress = original.MoverAddress,
            MoverRepository = repository,
            RepositoryUid = $"uid-{repository}",
            KeySetId = original.KeySetId,
            Created = Time.GetUtcNow(),
        };
        context.Repositories.Add(target);
        var job = Guid.NewGuid();
        var manifest = Mover.PointsByJob.Values.Select(Mover.Read).Single(point => point.PointId == pointId);
        manifest = manifest with
        {
            PointId = CopyDetails.PointIdOf(pointId, target.Id),
            JobId = job.ToString("D"),
            Properties = new Dictionary<string, string>(manifest.Properties) { [PointFacts.CopyOf] = pointId },
        };
        var stored = ManifestCodec.Write(manifest, Mover.Keys);
        Mover.PointsByJob[job] = stored.ToArray();
        await Get<PointCatalog>().PutAsync(context, target, stored, lockedUntil: null, Token);
        change?.Invoke(context.RestorePoints.Local.Single());
        await context.SaveChangesAsync(Token);
        return context.RestorePoints.Local.Single();
    }

    private async Task FillAsync()
    {
        var dataCenter = Guid.NewGuid();
        Engine.Inventory = new EngineInventory
        {
            DataCenters = [new EngineDataCenter(dataCenter, "dc")],
            Clusters = [new EngineCluster(ClusterId, "cluster", dataCenter, 4, 7)],
            StorageDomains =
            [
                new EngineStorageDomain(FileDomainId, "nfs1", "data", "nfs", 1 << 30, 0, [dataCenter]),
                new EngineStorageDomain(BlockDomainId, "iscsi1", "data", "iscsi", 1 << 30, 0, [dataCenter]),
            ],
        };
        await using var context = Database();
        context.Managers.Add(new StoredManager
        {
            Id = ManagerId,
            Name = "manager",
            Url = "https://engine/ovirt-engine/api",
            UserName = "admin@internal",
            SealedPassword = [1],
            CaPem = "",
            EngineCaPem = "",
            CaFingerprint = "",
            Created = Time.GetUtcNow(),
        });
        var key = RepositoryKey.Generate();
        await Get<RepositoryKeys>().PutAsync(key, Token);
        Mover.Keys = ContentKeys.Of(key);
        Mover.Encryption = key.Describe();
        var repository = new StoredRepository
        {
            Id = Guid.NewGuid(),
            Name = "repository",
            MoverAddress = "http://127.0.0.1:1",
            MoverRepository = "main",
            RepositoryUid = "uid-1",
            KeySetId = key.KeySetId,
            Created = Time.GetUtcNow(),
        };
        context.Repositories.Add(repository);
        await context.SaveChangesAsync(Token);
        RepositoryId = repository.Id;
    }
}
