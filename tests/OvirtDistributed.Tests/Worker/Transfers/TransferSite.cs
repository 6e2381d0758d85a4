// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Google.Protobuf;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Commands;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Restore;
using OvirtDistributed.Worker.Transports.DiskAttachment;
using OvirtDistributed.Worker.Transports.ExportDomain;
using OvirtDistributed.Worker.Transports.ImageIo;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>A real Data Mover with a repository, and workers' executors that use it.</summary>
internal sealed partial class TransferSite : IAsyncDisposable
{
    private const string RepositoryName = "main";

    /// <summary>Repositories that can be made beside the main one.</summary>
    public const string Offsite = "offsite";
    public const string Third = "third";

    public const string DiskId = "disk-1";

    private readonly TemporaryDirectory _directory;
    private readonly WebApplication _mover;
    private readonly GrpcChannel _channel;
    private int _points;
    private int _tasks;

    private TransferSite(TemporaryDirectory directory, WebApplication mover)
    {
        _directory = directory;
        _mover = mover;
        MoverAddress = mover.GrpcAddress().ToString();
        _channel = GrpcChannels.Create(MoverAddress, tls: null);
        Control = new MoverControlService.MoverControlServiceClient(_channel);
    }

    public string MoverAddress { get; }

    public MoverControlService.MoverControlServiceClient Control { get; }

    public PipelineOptions Options { get; } = new() { SpoolDirectory = Path.GetTempPath() };

    public static async Task<TransferSite> StartAsync()
    {
        var directory = new TemporaryDirectory();
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = directory.Path });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["DataMover:Repositories:main:Path"] = directory.File(RepositoryName),
            ["DataMover:Repositories:offsite:Path"] = directory.File(Offsite),
            ["DataMover:Repositories:third:Path"] = directory.File(Third),
            ["Logging:Console:Disabled"] = "true",
        });
        var mover = DataMoverHost.Build(builder);
        await mover.StartAsync().WithinDeadline();
        var site = new TransferSite(directory, mover);
        await site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = RepositoryName }).ResponseAsync.WithinDeadline();
        return site;
    }

    public Task StopMoverAsync() => _mover.StopAsync(CancellationToken.None);

    /// <summary>Where its workers look for attached disks.</summary>
    public string DeviceDirectory => Path.Combine(_directory.Path, "devices");

    public string NewTask() => $"task-{Interlocked.Increment(ref _tasks)}";

    /// <summary>A worker's executor: another instance shares nothing with the first.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="time">The clock of its backups; null = the real one.</param>
    public ITaskExecutor NewWorker(string id = "worker-1", TimeProvider? time = null)
    {
        var backup = new DiskBackup(Options, tls: null, time ?? TimeProvider.System, NullLogger<DiskBackup>.Instance);
        return new TaskExecutor(
            id,
            new ImageIoConnector(Options, TimeProvider.System, NullLogger<ImageIoClient>.Instance),
            new DeviceFinder(DeviceDirectory, TimeProvider.System),
            backup,
            new DiskRestore(Options, tls: null, TimeProvider.System, NullLogger<DiskRestore>.Instance),
            new DiskCopy(Options, backup, tls: null, TimeProvider.System),
            new DiskVerification(Options, tls: null, TimeProvider.System, NullLogger<DiskVerification>.Instance),
            new ExportDomainDisks(ExportMounts.None, new QemuPrograms("qemu-nbd", "qemu-img"), TimeProvider.System),
            new CommandExecution(directory: null, TimeProvider.System),
            TimeProvider.System);
    }

    public Task<(TaskSucceeded Result, TransferStatistics Statistics)> RunAsync(TaskOrder order, ITaskExecutor? worker = null) =>
        RunUntilAsync(order, worker ?? NewWorker(), CancellationToken.None);

    /// <summary>Runs an order that is told to stop by the token, as the agent does it.</summary>
    public async Task<(TaskSucceeded Result, TransferStatistics Statistics)> RunUntilAsync(
        TaskOrder order, ITaskExecutor worker, CancellationToken stop)
    {
        var control = new TransferControl(TimeProvider.System);
        var result = await worker.ExecuteAsync(order, control, stop).WithinDeadline();
        return (result, control.Meter.ToStatistics());
    }

    /// <summary>Backs an image up and makes a restore point of it.</summary>
    public async Task<(string Point, TransferStatistics Statistics)> BackUpAsync(SparseImage image, string? basePoint = null, string engineBackup = "backup-1")
    {
        await using var server = await ImageServer.StartAsync(image);
        var order = BackupOrder(server, basePoint: basePoint, engineBackup: engineBackup);
        var (result, statistics) = await RunAsync(order);
        return (await CommitAsync(order, result, basePoint), statistics);
    }

    /// <summary>Makes another repository: a replica of the main one, or one that cuts in its own way.</summary>
    public async Task CreateAsync(string repository, bool replica = false)
    {
        var status = await Control.GetStatusAsync(new GetStatusRequest()).ResponseAsync.WithinDeadline();
        var request = new CreateRepositoryRequest { Name = repository, ReplicaOf = replica ? status.Repositories.Single(row => row.Name == RepositoryName).Parameters : null };
        await Control.CreateRepositoryAsync(request).ResponseAsync.WithinDeadline();
    }

    /// <summary>Copies a point of the main repository, and makes a point of it there.</summary>
    public async Task<(PointCopy Copy, TransferStatistics Statistics)> CopyAsync(
        string point, long size, string repository, (string Point, PointCopy Copy)? before = null)
    {
        var order = NewOrder("copy-job", DiskId, size);
        order.Mover.Repository = repository;
        order.Copy = new CopyDiskOrder
        {
            Source = new MoverTarget { Address = MoverAddress, Repository = RepositoryName },
            SourcePointId = point,
            SourceRoot = await RootAsync(point),
            SourceBasePointId = before?.Point ?? "",
            SourceBaseRoot = before is { } earlier ? await RootAsync(earlier.Point) : null,
            Target = new BackupDiskOrder
            {
                TransportMode = "copy",
                Incremental = before is not null,
                EngineBackupId = $"copy-{point}",
                BasePointId = before?.Copy.PointId ?? "",
                BaseRoot = before?.Copy.Root,
            },
        };
        var (result, statistics) = await RunAsync(order);
        var copied = await CommitAsync(order, result);
        return (new PointCopy { Mover = order.Mover, PointId = copied, Root = result.Root, RepositoryName = repository }, statistics);
    }

    /// <summary>The root of a point's disk as its manifest says.</summary>
    public async Task<DiskRoot> RootAsync(string point, string repository = RepositoryName)
    {
        var manifest = await Control.GetPointAsync(new GetPointRequest { Repository = repository, PointId = point }).ResponseAsync.WithinDeadline();
        var root = ManifestCodec.Read(point, manifest.Manifest.Span, ContentKeys.Plain).Disks[0].Root;
        return new DiskRoot { Digest = ByteString.CopyFrom(root.Digest.ToArray()), Levels = root.Levels, SizeBytes = root.DiskSize };
    }

    public async Task<string> CommitAsync(TaskOrder order, TaskSucceeded result, string? basePoint = null)
    {
        var point = $"point-{Interlocked.Increment(ref _points)}";
        var manifest = new VmManifest
        {
            PointId = point,
            ManagerId = "manager",
            VmId = "vm",
            Created = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(_points),
            JobId = $"{order.JobId}-{point}",
            Disks =
            [
                new ManifestDisk
                {
                    DiskId = DiskId,
                    TaskId = order.TaskId,
                    BasePointId = basePoint,
                    Root = new OvirtDistributed.Repository.Maps.DiskRoot(new ChunkDigest(result.Root.Digest.Span), result.Root.Levels, result.Root.SizeBytes),
                },
            ],
        };
        await Control.CommitAsync(new CommitRequest
        {
            Repository = order.Mover.Repository,
            JobId = manifest.JobId,
            Manifest = ByteString.CopyFrom(ManifestCodec.Write(manifest, ContentKeys.Plain)),
        }).ResponseAsync.WithinDeadline();
        return point;
    }

    /// <summary>Restores a point to a fresh disk and returns what the disk holds then.</summary>
    public async Task<SparseImage> RestoreAsync(string point, long size) => (await RestoreWithAsync(point, size)).Image;

    /// <summary>The same, with copies of the point to turn to.</summary>
    public async Task<(SparseImage Image, TaskSucceeded Result)> RestoreWithAsync(string point, long size, Action<TaskOrder>? change = null, params PointCopy[] copies)
    {
        await using var target = await ImageServer.StartAsync(new SparseImage(size));
        var order = RestoreOrder(target, point);
        order.Restore.Copies.AddRange(copies);
        order.Restore.Root = copies.Length > 0 ? await RootAsync(point) : null;
        change?.Invoke(order);
        var (result, _) = await RunAsync(order);
        Assert.Equal($"sha256:{target.Image.Checksum(4 << 20)}", result.Checksum);
        Assert.True(target.Flushes > 0 || target.Writes.IsEmpty);
        return (target.Image, result);
    }

    /// <summary>Changes a byte in the payload of stored frames, all of them or those that are chosen.</summary>
    /// <param name="kind">Of which kind.</param>
    /// <param name="repository">Where.</param>
    /// <param name="choose">By their number, from 0, in the order of the packs.</param>
    /// <returns>The names of the frames.</returns>
    public List<ChunkDigest> DamageFrames(FrameKind kind, string repository = RepositoryName, Func<int, bool>? choose = null)
    {
        var damaged = new List<ChunkDigest>();
        var number = 0;
        foreach (var pack in PacksOf(repository))
        {
            var content = File.ReadAllBytes(pack);
            using var file = File.Open(pack, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            for (var at = 64; at + FrameHeader.Size <= content.Length && content.AsSpan(at, 4).SequenceEqual("OVDF"u8);)
            {
                var header = FrameHeader.Read(content.AsSpan(at));
                if (header.Kind == kind && (choose is null || choose(number++)))
                {
                    file.Position = at + FrameHeader.Size + (header.StoredLength / 2);
                    file.WriteByte((byte)(content[file.Position] ^ 0x40));
                    damaged.Add(header.Digest);
                }

                at += header.FrameLength;
            }
        }

        return damaged;
    }

    /// <summary>The pack files of a repository, by their names.</summary>
    public IReadOnlyList<string> PacksOf(string repository = RepositoryName) =>
        [.. Directory.GetFiles(Path.Combine(_directory.File(repository), "packs"), "*.pack", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    /// <summary>Changes one byte in the middle of the largest pack.</summary>
    public void DamageOnePack()
    {
        var pack = new DirectoryInfo(Path.Combine(_directory.File(RepositoryName), "packs")).EnumerateFiles("*.pack", SearchOption.AllDirectories).MaxBy(file => file.Length)!;
        using var file = pack.Open(FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = file.Length / 2;
        var value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ 0x40));
    }

    /// <summary>Gives one stored chunk other content; its checksums hold.</summary>
    public void PoisonOneChunk()
    {
        var pack = new DirectoryInfo(Path.Combine(_directory.File(RepositoryName), "packs")).EnumerateFiles("*.pack", SearchOption.AllDirectories).MaxBy(file => file.Length)!;
        using var file = pack.Open(FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        var at = 64;
        for (; FrameHeader.TryRead(bytes.AsSpan(at), out var header); at += header.FrameLength)
        {
            if (header is { Kind: FrameKind.Chunk, Compression: FrameCompression.None })
            {
                var frame = bytes.AsSpan(at, header.FrameLength);
                frame[^1] ^= 0x40;
                BinaryPrimitives.WriteUInt32LittleEndian(frame[76..], Crc32C.Compute(frame[FrameHeader.Size..]));
                BinaryPrimitives.WriteUInt32LittleEndian(frame[84..], Crc32C.Compute(frame[..84]));
                file.Position = at;
                file.Write(frame);
                return;
            }
        }

        Assert.Fail($"{pack.FullName} has no chunk that is stored as it is");
    }

    public Task FenceAsync(string taskId, long token) =>
        Control.FenceAsync(new FenceRequest { Repository = RepositoryName, TaskId = taskId, FencingToken = token }).ResponseAsync.WithinDeadline();

    /// <summary>Pages in the journals of a task, as the repository's files say (its DESIGN.md, session journal): asking the Data Mover would end the session.</summary>
    public int CountJournaledPages(string taskId)
    {
        const int RecordHead = 5;
        const int RecordTail = 4;
        const byte PagesRecord = 3;
        const int PageBytes = 40;
        var pages = 0;
        var folder = Path.Combine(_directory.File(RepositoryName), "sessions", taskId);
        foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.journal") : [])
        {
            var journal = File.ReadAllBytes(file).AsSpan();
            while (journal.Length > RecordHead)
            {
                var body = System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(journal);
                pages += journal[4] == PagesRecord ? body / PageBytes : 0;
                journal = journal[Math.Min(journal.Length, RecordHead + body + RecordTail)..];
            }
        }

        return pages;
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _mover.StopAsync(CancellationToken.None).WithinDeadline();
        await _mover.DisposeAsync();
        _directory.Dispose();
    }
}
