// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>An installation with something of everything. Times are relative to the manual clock's beginning.</summary>
internal static class Samples
{
    public const string JobId = "3f2a9c1e-0000-4000-8000-000000000001";
    public const string OtherJobId = "3f2a9c1e-0000-4000-8000-000000000002";
    public const string PointId = "7b1d22aa-0000-4000-8000-000000000001";

    private static readonly DateTimeOffset Now = new ManualTimeProvider().GetUtcNow();

    public static Timestamp Ago(TimeSpan age) => Timestamp.FromDateTimeOffset(Now - age);

    public static FakeInstallation Installation()
    {
        var installation = new FakeInstallation { Inventory = Inventory() };
        installation.Managers.Add(new Manager
        {
            Id = "m1",
            Name = "prod",
            Url = "https://engine.example/ovirt-engine/api",
            User = "backup@internal",
            Product = "oVirt",
            Version = "4.5.5",
            CaFingerprint = "ab12",
            State = ManagerState.Connected,
            InventoryRead = Ago(TimeSpan.FromMinutes(3)),
            Vms = 3,
        });
        installation.Managers.Add(new Manager { Id = "m2", Name = "old", Url = "https://rhvm.example/ovirt-engine/api", Product = "RHV", Version = "4.4.10", State = ManagerState.Unreachable, Problem = "connection refused" });
        installation.Repositories.Add(new Contracts.Admin.V1.Repository
        {
            Id = "r1",
            Name = "main",
            MoverAddress = "https://mover.example:7444",
            MoverRepository = "main",
            State = "ready",
            Points = 42,
            StoredBytes = 1_234_567_890_123,
            FreeBytes = 5L << 40,
            Location = "/srv/backup",
            AsOf = Ago(TimeSpan.FromSeconds(40)),
            Collected = Ago(TimeSpan.FromHours(5)),
            CollectionProblems = { "point 0b2d-1: its manifest cannot be read", "point 77aa-1: its manifest cannot be read" },
        });
        installation.DamagedPoints.Add(new DamagedPoint
        {
            PointId = "0b2d-1",
            Path = "points/m1/v1/20260101T000000000Z_0b2d-1_job-1.json",
            Problem = "points/m1/v1/20260101T000000000Z_0b2d-1_job-1.json: its checksum does not hold, or it was cut short",
            VmName = "web01",
            Manager = "prod",
            Created = Ago(TimeSpan.FromHours(3)),
        });
        installation.Workers.Add(new Contracts.Admin.V1.Worker { Id = "w1", Name = "worker-a", ClusterId = "c1", Cluster = "Default", Version = "0.1.0", State = WorkerState.Online, Slots = 4, BusySlots = 1, LastSeen = Ago(TimeSpan.FromSeconds(4)) });
        installation.Workers.Add(new Contracts.Admin.V1.Worker { Id = "w2", Name = "worker-b", ClusterId = "c2", Cluster = "Edge", Version = "0.1.0", State = WorkerState.Silent, Slots = 4, LastSeen = Ago(TimeSpan.FromHours(3)), Embedded = true, Problem = "no manager has its cluster" });
        installation.Queues.Add(new Queue { Name = "ovd.cluster.c1", Cluster = "Default", Consumers = 1 });
        installation.Queues.Add(new Queue { Name = "ovd.cluster.c2", Cluster = "Edge", Messages = 2, Problem = "2 offers wait and no worker listens" });
        installation.Jobs.Add(RunningJob());
        installation.Points.Add(Point());
        return installation;
    }

    public static GetInventoryResponse Inventory() => new()
    {
        Clusters =
        {
            new Cluster { Id = "c1", Name = "Default", Manager = "prod", DataCenter = "Main", CompatibilityLevel = "4.7", Workers = 1 },
            new Cluster { Id = "c2", Name = "Edge", Manager = "prod", DataCenter = "Main", CompatibilityLevel = "4.6" },
        },
        Hosts = { new Host { Id = "h1", Name = "host1", Address = "10.0.0.1", Status = "up", ClusterId = "c1" } },
        StorageDomains = { new StorageDomain { Id = "s1", Name = "data", Manager = "prod", Type = "data", StorageType = "nfs", AvailableBytes = 900L << 30, UsedBytes = 100L << 30 } },
        Networks = { new Network { Id = "n1", Name = "ovirtmgmt", DataCenter = "Main", VnicProfiles = { "ovirtmgmt", "isolated" } } },
        Vms =
        {
            new Vm
            {
                Id = "v1",
                Name = "web01",
                Manager = "prod",
                Cluster = "Default",
                Status = "up",
                LastRestorePoint = Ago(TimeSpan.FromHours(5)),
                Disks = { new VmDisk { Id = "d1", Alias = "web01_Disk1", SizeBytes = 20L << 30, ActualBytes = 7L << 30, Format = "cow", Sparse = true, IncrementalEnabled = true, StorageDomain = "data" } },
            },
            new Vm
            {
                Id = "v2",
                Name = "db\u001b[31mred",
                Manager = "prod",
                Cluster = "Edge",
                Status = "down",
                Disks = { new VmDisk { Id = "d2", Alias = "lun", SizeBytes = 1L << 40, SkipReason = "direct LUN" } },
            },
        },
    };

    public static Job RunningJob(long processed = 0, string state = "tasks") => new()
    {
        Id = JobId,
        Kind = JobKind.Backup,
        Outcome = JobOutcome.Running,
        State = state,
        Manager = "prod",
        VmId = "v1",
        VmName = "web01",
        Repository = "main",
        Created = Ago(TimeSpan.FromSeconds(72)),
        Mode = "incremental",
        TransportMode = "cbt",
        TraceId = "0af7651916cd43dd8448eb211c80319c",
        Progress = Progress(processed),
        Tasks =
        {
            new Contracts.Admin.V1.Task { Id = "t1", DiskId = "d1", DiskAlias = "web01_Disk1", State = "leased", Attempt = 1, Worker = "worker-a", Mode = "incremental", Progress = Progress(processed) },
        },
    };

    public static Job EndedJob(JobOutcome outcome, string message = "")
    {
        var job = RunningJob(8L << 30, "done");
        job.Outcome = outcome;
        job.Ended = Ago(TimeSpan.Zero);
        job.Message = message;
        job.PointId = outcome is JobOutcome.Succeeded or JobOutcome.Warning ? PointId : "";
        return job;
    }

    public static RestorePoint Point() => new()
    {
        Id = PointId,
        Manager = "prod",
        VmId = "v1",
        VmName = "web01",
        Created = Ago(TimeSpan.FromHours(5)),
        Repository = "main",
        Mode = "full",
        ModeReason = "checkpoint is gone",
        TransportMode = "cbt",
        Consistency = "file-system",
        LockedUntil = Ago(TimeSpan.FromDays(-30)),
        JobId = JobId,
        SizeBytes = 20L << 30,
        StoredBytes = 3L << 30,
        ReadBytes = 7L << 30,
        Warnings = { "disk lun was left out: direct LUN" },
        Ovf = "<ovf:Envelope/>",
        Settings = { new PointSetting { Name = "high availability", Value = "on, priority 50" }, new PointSetting { Name = "affinity group web-apart", Value = "VMs apart, enforced" } },
        SkippedDisks = { new SkippedPointDisk { Id = "d2", Alias = "web01_lun", Reason = "a disk of type lun cannot be read through the manager" } },
        Disks = { new PointDisk { Id = "d1", Alias = "web01_Disk1", SizeBytes = 20L << 30, Format = "cow", Sparse = true, Interface = "virtio_scsi", Bootable = true, RootDigest = new string('c', 64), Mode = "full" } },
    };

    private static Progress Progress(long processed) => new()
    {
        TotalBytes = 8L << 30,
        ProcessedBytes = processed,
        ReadBytes = processed,
        DeduplicatedBytes = processed / 4,
        SentBytes = processed / 2,
        StoredBytes = processed / 2,
        Elapsed = Duration.FromTimeSpan(TimeSpan.FromSeconds(64)),
        Bottleneck = "source",
        Stages =
        {
            new Stage { Name = "read", Busy = Duration.FromTimeSpan(TimeSpan.FromSeconds(60)), Waiting = Duration.FromTimeSpan(TimeSpan.FromSeconds(4)) },
            new Stage { Name = "send", Busy = Duration.FromTimeSpan(TimeSpan.FromSeconds(16)), Waiting = Duration.FromTimeSpan(TimeSpan.FromSeconds(48)) },
        },
    };

    public static LeftOutVm LeftOut() => new() { VmId = PointId, VmName = "web-lab", Rule = "excluded by tag 'lab'" };

    public static BackupPlan Plan() => new()
    {
        SelectedBy = { "named 'web'", "tag 'daily'" },
        VmId = "0c6f4f0e-6a2f-4c33-9a55-1b8d1c1f2a10",
        VmName = "web",
        TransportMode = "cbt",
        TransportReason = "the manager tracks changed blocks",
        Mode = "incremental",
        ModeReason = "on restore point 4d2f",
        ReadBytesAtMost = 12L << 30,
        ScratchBytes = 4L << 30,
        ScratchNote = "scratch disks grow with what the guest overwrites while the backup runs",
        Disks =
        {
            new PlannedDisk { Id = PointId, Alias = "web_root", SizeBytes = 40L << 30, AllocatedBytes = 12L << 30, Mode = "incremental" },
            new PlannedDisk { Id = JobId, Alias = "web_shared", SizeBytes = 10L << 30, AllocatedBytes = 10L << 30, Reason = "a shareable disk cannot be backed up" },
        },
        Calls = { "POST vms/ID/backups (web_root from checkpoint 1)", "POST imagetransfers (download web_root of the backup)", "POST imagetransfers/ID/finalize" },
    };

    public static IEnumerable<RestoredSetting> RestoredSettings() =>
    [
        new RestoredSetting { Name = "boot order", Value = "network, hd", Restored = true },
        new RestoredSetting { Name = "lease", Value = "on san1", Restored = true, Reason = "on san2 instead, as asked for the disks" },
        new RestoredSetting
        {
            Name = "affinity group web-apart",
            Value = "VMs apart, enforced",
            Reason = "not in cluster Edge; create it or restore with --create-affinity-groups",
        },
    ];

    public static RestorePlan RestorePlan() => new()
    {
        Digest = "9f86d081884c7d659a2feaa0c55ad015",
        PointId = PointId,
        VmName = "web",
        TargetVm = "web-copy",
        Manager = "dr",
        Cluster = "Edge",
        TransportMode = "image-transfer",
        TransportReason = "the worker uploads through the manager's image transfers",
        Notes = { "disk web_root on san1: Allocation is changed from sparse to preallocated: raw sparse disks are not supported on iSCSI storage." },
        Disks =
        {
            new PlannedRestoreDisk
            {
                Id = PointId, Alias = "web_root", SizeBytes = 40L << 30, StorageDomain = "san1", Format = "raw", Allocation = "preallocated", WriteBytesAtMost = 40L << 30,
            },
        },
        Nics =
        {
            new PlannedRestoreNic { Name = "nic1", Network = "dr-net/dr-net", OriginalNetwork = "prod-net", Mac = "56:6f:1a:2b:00:01", Plugged = true },
            new PlannedRestoreNic { Name = "nic2", OriginalNetwork = "backup-net" },
        },
        WriteBytesAtMost = 40L << 30,
        Settings = { RestoredSettings() },
        Calls = { "POST disks (web_root, 42949672960 bytes, raw preallocated on san1)", "POST imagetransfers (upload web_root)", "POST imagetransfers/ID/finalize" },
    };
}
