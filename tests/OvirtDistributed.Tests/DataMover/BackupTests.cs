// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Shared;
using Xunit;
using CommitRequest = OvirtDistributed.Contracts.Mover.V1.CommitRequest;

namespace OvirtDistributed.Tests.DataMover;

public sealed class BackupTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WholeDisk_ReadsBackBitForBit()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 1, (40 << 20) + 12_288);

        var root = await site.BackUpAsync(disk);
        var committed = await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));

        Assert.True(committed.Created);
        Assert.Equal("point-1", committed.PointId);
        Assert.InRange(committed.StoredBytes, 1, disk.Length * 2L);
        var restored = await site.RestoreAsync();
        Assert.True(disk.AsSpan().SequenceEqual(restored));
    }

    [Fact]
    public async Task SameContentAgain_SendsNoChunk()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 2, 8 << 20);
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(await site.BackUpAsync(disk))));

        var session = await site.OpenAsync(MoverScript.Order(disk, task: "task-2"));
        using var sender = new DiskSender(site.NewChannel, session, disk);
        await sender.SendAsync(int.MaxValue, Cancel);

        // The map page is sent again; every chunk was held.
        Assert.InRange(sender.SentBytes, 1, 64 * 1024);
    }

    [Fact]
    public async Task SessionOnABase_TellsItsRoot()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 3, 17 << 20);
        var root = await site.BackUpAsync(disk);
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));

        var order = MoverScript.Order(disk, task: "task-2", backup: "backup-2");
        order.BasePointId = "point-1";
        var session = await site.OpenAsync(order);

        Assert.Equal(root.Digest.ToArray(), session.BaseRoot.Digest.ToByteArray());
        Assert.Equal(disk.Length, session.BaseRoot.SizeBytes);
        Assert.Empty(session.DamagedRanges);
        Assert.Equal(32, session.Parameters.ChunkSalt.Length);
        Assert.Equal(128 * 1024, session.Parameters.ChunkAverageBytes);
    }

    [Fact]
    public async Task CommitTwice_AnswersTheSamePoint()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 4, 3 << 20);
        var commit = MoverScript.Commit(MoverScript.Manifest(await site.BackUpAsync(disk)));

        var first = await site.CommitAsync(commit);
        var second = await site.CommitAsync(commit);

        Assert.True(first.Created);
        Assert.False(second.Created);
        Assert.Equal(first.PointId, second.PointId);
        Assert.Single(await ListAsync(site));
    }

    [Fact]
    public async Task CommitOfARootThatIsNotThere_ListsWhatIsMissing()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var absent = ContentKeys.Plain.Compute(FrameKind.MapPage, "never stored"u8);
        var root = new OvirtDistributed.Repository.Maps.DiskRoot(absent, 0, 1 << 20);

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root))));

        Assert.Equal(StatusCode.FailedPrecondition, failure.StatusCode);
        Assert.Equal("missing-frames", FailureStatus.ReasonOf(failure));
        Assert.Equal("1", failure.Trailers.GetValue("ovd-missing-count"));
        Assert.Equal(absent.ToArray(), failure.Trailers.GetValueBytes("ovd-missing-digests-bin"));
        Assert.Empty(await ListAsync(site));
    }

    [Fact]
    public async Task CommitWithADamagedManifest_IsRefused()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var manifest = ManifestCodec.Write(MoverScript.Manifest(default), ContentKeys.Plain);
        manifest[^5] ^= 1;

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.CommitAsync(
            new CommitRequest { Repository = MoverSite.Main, JobId = "job-1", Manifest = ByteString.CopyFrom(manifest) }));

        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        Assert.Contains("manifest", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MetadataBlob_ComesBackWithThePoint()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 5, 1 << 20);
        var ovf = MetadataFrame.Create("ovf", "application/xml", "<ovf>configuration of the VM</ovf>"u8, ContentKeys.Plain);
        var commit = MoverScript.Commit(MoverScript.Manifest(await site.BackUpAsync(disk)) with { Blobs = [ovf.Blob] });
        commit.MetadataFrames.Add(ByteString.CopyFrom(ovf.Frame.Span));

        await site.CommitAsync(commit);
        var blob = await site.Control.GetPointBlobAsync(
            new GetPointBlobRequest { Repository = MoverSite.Main, PointId = "point-1", Blob = "ovf" }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        var point = await site.Control.GetPointAsync(
            new GetPointRequest { Repository = MoverSite.Main, PointId = "point-1" }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        Assert.Equal("<ovf>configuration of the VM</ovf>", blob.Content.ToStringUtf8());
        Assert.Equal("application/xml", blob.ContentType);
        Assert.Equal("web", ManifestCodec.Read("point-1", point.Manifest.Span, ContentKeys.Plain).VmName);
    }

    [Fact]
    public async Task VerifiedPoint_IsHealthy_AndDamageIsNamed()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 6, 5 << 20);
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(await site.BackUpAsync(disk))));
        var request = new VerifyPointRequest { Repository = MoverSite.Main, PointId = "point-1" };

        var before = await site.Control.VerifyPointAsync(request, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        SpoilAPack(site.RepositoryPath);
        var after = await site.Control.VerifyPointAsync(request, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        Assert.True(before.Healthy);
        Assert.InRange(before.CheckedObjects, 2, 1000);
        Assert.False(after.Healthy);
        Assert.NotEmpty(after.Damaged);
        Assert.All(after.Damaged, damaged => Assert.NotEmpty(damaged.Problem));
        var range = Assert.Single(Assert.Single(after.Disks).Ranges);
        Assert.InRange(range.OffsetBytes, 0, disk.Length - 1);
        Assert.InRange(range.LengthBytes, 1, DiskSender.ChunkBytes);
        var failure = await Assert.ThrowsAsync<RpcException>(() => site.RestoreAsync());
        var order = MoverScript.Order(disk, task: "task-2", backup: "backup-2");
        order.BasePointId = "point-1";
        var next = await site.OpenAsync(order);
        Assert.Equal([range], next.DamagedRanges);
        Assert.Equal(StatusCode.DataLoss, failure.StatusCode);
        Assert.Equal("damaged", FailureStatus.ReasonOf(failure));
    }

    [Fact]
    public async Task DamagedFrameInTheStream_EndsItWithTheReason()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var session = await site.OpenAsync(MoverScript.Order(new byte[1 << 20]));
        await using var stream = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);

        await stream.WriteAsync(new byte[100_000], Cancel);
        var failure = await Assert.ThrowsAsync<RpcException>(() => stream.CompleteAsync(Cancel).WithinDeadline());

        Assert.Equal(StatusCode.DataLoss, failure.StatusCode);
        Assert.Contains("frame 0", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FramesCutAnywhere_AreStored()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 7, 256 * 1024);
        var session = await site.OpenAsync(MoverScript.Order(disk));
        await using var stream = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
        using var encoder = new FrameEncoder(OvirtDistributed.Repository.Frames.CompressionProfile.Default, ContentKeys.Plain);
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, disk);
        var frame = new byte[FrameEncoder.MaxEncodedLength(disk.Length)];
        var length = encoder.Encode(FrameKind.Chunk, digest, disk, frame);

        var random = new Random(7);
        for (var at = 0; at < length;)
        {
            var part = Math.Min(random.Next(1, 20_000), length - at);
            await stream.WriteAsync(frame.AsMemory(at, part), Cancel);
            if (random.Next(4) == 0)
            {
                await stream.FlushAsync(Cancel);
            }

            at += part;
        }

        var end = await stream.CompleteAsync(Cancel).WithinDeadline();

        Assert.Equal(new DurablePosition(length, 1), end);
        var held = await site.Backup.HaveAsync(
            new HaveRequest { SessionId = session.SessionId, Digests = ByteString.CopyFrom(digest.ToArray()) }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        Assert.Equal(1, held.Held[0]);
    }

    [Fact]
    public async Task MetricsAndHealth_AnswerOverPlainHttp()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        await site.BackUpAsync(MoverScript.MakeDisk(seed: 8, 1 << 20));
        using var handler = new SocketsHttpHandler();
        using var http = new HttpMessageInvoker(handler);

        var ready = await GetAsync(http, new Uri(site.HttpAddress, "/healthz/ready"));
        var metrics = await GetAsync(http, new Uri(site.HttpAddress, "/metrics"));

        Assert.Equal(HttpStatusCode.OK, ready.Status);
        Assert.Contains("ovd_mover_received_bytes_total{", metrics.Body, StringComparison.Ordinal);
        Assert.Contains("ovd_repository_ready{", metrics.Body, StringComparison.Ordinal);
    }

    private static async Task<(HttpStatusCode Status, string Body)> GetAsync(HttpMessageInvoker http, Uri address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        using var response = await http.SendAsync(request, Cancel).WithinDeadline();
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancel).WithinDeadline());
    }

    private static async Task<List<ListPointsResponse>> ListAsync(MoverSite site)
    {
        using var call = site.Control.ListPoints(new ListPointsRequest { Repository = MoverSite.Main }, cancellationToken: Cancel);
        var points = new List<ListPointsResponse>();
        while (await call.ResponseStream.MoveNext(Cancel).WithinDeadline())
        {
            points.Add(call.ResponseStream.Current);
        }

        return points;
    }

    private static void SpoilAPack(string repository)
    {
        var pack = Directory.EnumerateFiles(Path.Combine(repository, "packs"), "*.pack", SearchOption.AllDirectories).Single();
        using var file = new FileStream(pack, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = 1 << 20;
        var value = file.ReadByte();
        file.Position = 1 << 20;
        file.WriteByte((byte)(value ^ 0xFF));
    }
}
