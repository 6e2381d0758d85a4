// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Net.Client;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Tests.Shared;
using Xunit;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;
using WireRoot = OvirtDistributed.Contracts.Mover.V1.DiskRoot;

namespace OvirtDistributed.Tests.DataMover;

/// <summary>What server and workers say to a Data Mover in these tests.</summary>
internal static class MoverScript
{
    public const string DiskId = "disk-1";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Content that compresses badly, with holes, and is not a multiple of anything; the same for the same seed.</summary>
    public static byte[] MakeDisk(int seed, int length)
    {
        var disk = new byte[length];
        var random = new Random(seed);
        random.NextBytes(disk);
        for (var hole = 0; hole < 8; hole++)
        {
            var start = random.Next(length);
            disk.AsSpan(start, Math.Min(random.Next(length / 8), length - start)).Clear();
        }

        return disk;
    }

    public static OpenSessionRequest Order(byte[] disk, string task = "task-1", long token = 1, string backup = "backup-1") => new()
    {
        Repository = MoverSite.Main,
        JobId = "job-1",
        TaskId = task,
        Attempt = (int)token,
        FencingToken = token,
        EngineBackupId = backup,
        DiskId = DiskId,
        DiskSizeBytes = disk.Length,
        WorkerId = "worker-1",
    };

    public static Task<OpenSessionResponse> OpenAsync(this MoverSite site, OpenSessionRequest order) =>
        site.Backup.OpenSessionAsync(order, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

    /// <summary>A whole backup of a disk in one attempt, up to the completed disk.</summary>
    public static async Task<DiskRoot> BackUpAsync(this MoverSite site, byte[] disk, OpenSessionRequest? order = null)
    {
        var session = await site.OpenAsync(order ?? Order(disk));
        using var sender = new DiskSender(site.NewChannel, session, disk);
        var root = await sender.SendAsync(int.MaxValue, Cancel);
        await site.CompleteAsync(session.SessionId, root);
        return root;
    }

    public static Task CompleteAsync(this MoverSite site, string sessionId, DiskRoot root) => CompleteAsync(site.Backup, sessionId, root);

    public static async Task CompleteAsync(BackupSessionService.BackupSessionServiceClient client, string sessionId, DiskRoot root)
    {
        var wire = new WireRoot { Digest = ByteString.CopyFrom(root.Digest.ToArray()), Levels = root.Levels, SizeBytes = root.DiskSize };
        await client.CompleteDiskAsync(new CompleteDiskRequest { SessionId = sessionId, Root = wire }, cancellationToken: Cancel)
            .ResponseAsync.WithinDeadline();
        await client.CloseSessionAsync(new CloseSessionRequest { SessionId = sessionId }, cancellationToken: Cancel)
            .ResponseAsync.WithinDeadline();
    }

    public static VmManifest Manifest(DiskRoot root, string point = "point-1", string job = "job-1", string task = "task-1") => new()
    {
        PointId = point,
        ManagerId = "manager-1",
        VmId = "vm-1",
        VmName = "web",
        Created = new DateTimeOffset(2026, 1, 15, 3, 4, 5, TimeSpan.Zero),
        JobId = job,
        Disks = [new ManifestDisk { DiskId = DiskId, TaskId = task, Root = root }],
    };

    public static CommitRequest Commit(VmManifest manifest) => new()
    {
        Repository = MoverSite.Main,
        JobId = manifest.JobId,
        Manifest = ByteString.CopyFrom(ManifestCodec.Write(manifest, ContentKeys.Plain)),
    };

    public static Task<CommitResponse> CommitAsync(this MoverSite site, CommitRequest request) =>
        site.Control.CommitAsync(request, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

    /// <summary>The whole disk of a point, read through a read session and proven by digests on this side.</summary>
    public static Task<byte[]> RestoreAsync(this MoverSite site, string point = "point-1") => RestoreAsync(site.NewChannel, point);

    public static async Task<byte[]> RestoreAsync(Func<GrpcChannel> connect, string point = "point-1")
    {
        var client = new ReadSessionService.ReadSessionServiceClient(connect());
        var session = await client.OpenReadAsync(
            new OpenReadRequest { Repository = MoverSite.Main, PointId = point, DiskId = DiskId }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        await using var frames = new RemoteFrames(connect().CreateCallInvoker(), session.ReadSessionId);
        var root = new DiskRoot(new ChunkDigest(session.Root.Digest.Span), session.Root.Levels, session.Root.SizeBytes);
        var reader = new DiskImageReader(root, frames, ContentKeys.Plain, new DiskImageReaderOptions());
        var disk = new byte[root.DiskSize];
        disk.AsSpan().Fill(0xEE); // what nobody wrote must not look like zeros
        await ReadAllAsync(reader, disk).WithinDeadline();
        await client.CloseReadAsync(new CloseReadRequest { ReadSessionId = session.ReadSessionId }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        return disk;
    }

    private static async Task ReadAllAsync(DiskImageReader reader, byte[] disk)
    {
        long position = 0;
        await foreach (var extent in reader.ReadAsync(new DiskRange(0, disk.Length), Cancel))
        {
            using (extent)
            {
                Assert.Equal(position, extent.Offset);
                var target = disk.AsSpan((int)extent.Offset, (int)extent.Length);
                if (extent.IsZero)
                {
                    target.Clear();
                }
                else
                {
                    extent.Data.Span.CopyTo(target);
                }

                position += extent.Length;
            }
        }

        Assert.Equal(disk.Length, position);
    }
}
