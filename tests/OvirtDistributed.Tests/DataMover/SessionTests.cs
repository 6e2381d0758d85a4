// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class SessionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SessionIsDropped_AnotherWorkerGoesOnFromItsPages()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 11, 80 << 20);
        var lost = await site.OpenAsync(MoverScript.Order(disk));
        using (var first = new DiskSender(site.NewChannel, lost, disk))
        {
            await first.SendAsync(pages: 3, Cancel); // then not a word more
        }

        var order = MoverScript.Order(disk, token: 2);
        order.WorkerId = "worker-2";
        var session = await site.OpenAsync(order);
        using var second = new DiskSender(site.NewChannel, session, disk);
        var root = await second.SendAsync(int.MaxValue, Cancel);
        await site.CompleteAsync(session.SessionId, root);
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));

        Assert.Equal(3, session.DurablePages);
        Assert.InRange(second.SentBytes, 1, 33 << 20); // two of five pages, and nodes
        var restored = await site.RestoreAsync();
        Assert.True(disk.AsSpan().SequenceEqual(restored));
    }

    [Fact]
    public async Task AnotherEngineBackup_StartsWithoutPages()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 12, 33 << 20);
        var lost = await site.OpenAsync(MoverScript.Order(disk));
        using (var first = new DiskSender(site.NewChannel, lost, disk))
        {
            await first.SendAsync(pages: 2, Cancel);
        }

        var session = await site.OpenAsync(MoverScript.Order(disk, token: 2, backup: "backup-2"));

        Assert.Equal(0, session.DurablePages);
    }

    [Fact]
    public async Task LowerToken_IsRefused()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = new byte[1 << 20];
        await site.OpenAsync(MoverScript.Order(disk, token: 5));

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.OpenAsync(MoverScript.Order(disk, token: 4)));

        AssertFenced(failure);
    }

    [Fact]
    public async Task Fence_SurvivesARestart()
    {
        using var directory = new TemporaryDirectory();
        var disk = new byte[1 << 20];
        await using (var before = await MoverSite.StartAsync(directory, ownsDirectory: false))
        {
            await before.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel);
            await FenceAsync(before, token: 7);
        }

        await using var after = await MoverSite.StartAsync(directory, ownsDirectory: false);
        var failure = await Assert.ThrowsAsync<RpcException>(() => after.OpenAsync(MoverScript.Order(disk, token: 6)));
        var accepted = await after.OpenAsync(MoverScript.Order(disk, token: 7));

        AssertFenced(failure);
        Assert.NotEmpty(accepted.SessionId);
    }

    [Fact]
    public async Task FenceWhileAStreamIsInFlight_EndsItAndKeepsWhatWasAcknowledged()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var session = await site.OpenAsync(MoverScript.Order(new byte[1 << 20]));
        await using var stream = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
        var (digest, frame) = Encode(seed: 13);
        await stream.WriteAsync(frame, Cancel);
        await stream.WaitDurableAsync(frame.Length, Cancel).WithinDeadline();

        var fenced = await FenceAsync(site, token: 2);
        var failure = await Assert.ThrowsAsync<RpcException>(() => stream.WaitDurableAsync(frame.Length + 1, Cancel).WithinDeadline());
        var late = await Assert.ThrowsAsync<RpcException>(() => site.Backup.HaveAsync(
            new HaveRequest { SessionId = session.SessionId, Digests = ByteString.CopyFrom(digest.ToArray()) }, cancellationToken: Cancel).ResponseAsync);
        var next = await site.OpenAsync(MoverScript.Order(new byte[1 << 20], token: 2));
        var held = await site.Backup.HaveAsync(
            new HaveRequest { SessionId = next.SessionId, Digests = ByteString.CopyFrom(digest.ToArray()) }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        Assert.Equal(1, fenced.SessionsEnded);
        AssertFenced(failure);
        AssertFenced(late);
        Assert.Equal(1, held.Held[0]);
    }

    [Fact]
    public async Task FencedReader_IsEnded()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 14, 1 << 20);
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(await site.BackUpAsync(disk))));
        var request = new OpenReadRequest { Repository = MoverSite.Main, PointId = "point-1", DiskId = MoverScript.DiskId, TaskId = "restore-1", FencingToken = 1 };
        var session = await site.Reads.OpenReadAsync(request, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        var fenced = await FenceAsync(site, token: 2, task: "restore-1");
        await using var stream = FrameDownloadStream.Open(site.NewChannel().CreateCallInvoker(), session.ReadSessionId, Cancel);
        await stream.RequestAsync(new byte[32], Cancel);
        var failure = await Assert.ThrowsAsync<RpcException>(() => stream.ReadExactlyAsync(new byte[1], Cancel).AsTask().WithinDeadline());
        var again = await Assert.ThrowsAsync<RpcException>(() => site.Reads.OpenReadAsync(request, cancellationToken: Cancel).ResponseAsync);

        Assert.Equal(1, fenced.SessionsEnded);
        AssertFenced(failure);
        AssertFenced(again);
    }

    [Fact]
    public async Task AbortedJob_LosesItsSessionsForGood()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = new byte[1 << 20];
        var session = await site.OpenAsync(MoverScript.Order(disk));

        await site.Control.AbortJobAsync(new AbortJobRequest { Repository = MoverSite.Main, JobId = "job-1" }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        var late = await Assert.ThrowsAsync<RpcException>(() => site.Backup.HaveAsync(
            new HaveRequest { SessionId = session.SessionId }, cancellationToken: Cancel).ResponseAsync);
        var again = await Assert.ThrowsAsync<RpcException>(() => site.OpenAsync(MoverScript.Order(disk, token: 99)));

        AssertFenced(late);
        AssertFenced(again);
    }

    [Fact]
    public async Task SilentSession_IsClosedAfterItsTimeout()
    {
        var time = new ManualTimeProvider();
        await using var site = await MoverSite.StartWithRepositoryAsync(
            new Dictionary<string, string?> { ["DataMover:Limits:SessionIdleTimeout"] = "00:05:00" }, time);
        var session = await site.OpenAsync(MoverScript.Order(new byte[1 << 20]));
        var ask = new HaveRequest { SessionId = session.SessionId };

        time.Advance(TimeSpan.FromMinutes(4));
        await site.Backup.HaveAsync(ask, cancellationToken: Cancel).ResponseAsync.WithinDeadline(); // a call keeps it open
        time.Advance(TimeSpan.FromMinutes(4));
        await site.Backup.HaveAsync(ask, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        RpcException? failure = null;
        await Deadline.UntilAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromMinutes(6));
                failure = await CatchAsync(() => site.Backup.HaveAsync(ask, cancellationToken: Cancel).ResponseAsync);
                return failure is not null;
            },
            "the session is closed");

        Assert.Equal(300, session.IdleTimeoutSeconds);
        Assert.Equal(StatusCode.FailedPrecondition, failure!.StatusCode);
        Assert.Equal("session-ended", FailureStatus.ReasonOf(failure));
    }

    [Fact]
    public async Task MoreSessionsThanAllowed_AreRefusedAsBusy()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync(new Dictionary<string, string?> { ["DataMover:Limits:MaxSessions"] = "1" });
        var disk = new byte[1 << 20];
        var first = await site.OpenAsync(MoverScript.Order(disk, task: "task-1"));

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.OpenAsync(MoverScript.Order(disk, task: "task-2")));
        await site.Backup.CloseSessionAsync(new CloseSessionRequest { SessionId = first.SessionId }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        await site.Backup.CloseSessionAsync(new CloseSessionRequest { SessionId = first.SessionId }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        var second = await site.OpenAsync(MoverScript.Order(disk, task: "task-2"));

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.Equal("busy", FailureStatus.ReasonOf(failure));
        Assert.NotEmpty(second.SessionId);
    }

    [Fact]
    public async Task MoreStreamsThanTheBudget_AreRefusedAsBusy()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync(new Dictionary<string, string?> { ["DataMover:Limits:BufferBudgetMiB"] = "16" });
        var session = await site.OpenAsync(MoverScript.Order(new byte[1 << 20]));
        var (_, frame) = Encode(seed: 15);
        await using var first = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
        await using var second = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
        foreach (var stream in new[] { first, second })
        {
            await stream.WriteAsync(frame, Cancel);
            await stream.WaitDurableAsync(frame.Length, Cancel).WithinDeadline();
        }

        await using var third = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await third.WriteAsync(frame, Cancel);
            await third.CompleteAsync(Cancel).WithinDeadline();
        });
        await first.CompleteAsync(Cancel).WithinDeadline();
        await using var fourth = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
        await fourth.WriteAsync(frame, Cancel);
        await fourth.CompleteAsync(Cancel).WithinDeadline();

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.Equal("busy", FailureStatus.ReasonOf(failure));
    }

    [Fact]
    public async Task StoppingDataMover_EndsStreamsAndSaysSo()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var session = await site.OpenAsync(MoverScript.Order(new byte[1 << 20]));
        var (_, frame) = Encode(seed: 16);
        await using var stream = FrameUploadStream.Open(site.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
        await stream.WriteAsync(frame, Cancel);
        await stream.WaitDurableAsync(frame.Length, Cancel).WithinDeadline();

        await site.StopAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(() => stream.WaitDurableAsync(frame.Length + 1, Cancel).WithinDeadline());

        Assert.True(failure.StatusCode == StatusCode.Unavailable, failure.ToString());
        Assert.Equal("draining", FailureStatus.ReasonOf(failure));
    }

    private static (ChunkDigest Digest, byte[] Frame) Encode(int seed)
    {
        var content = new byte[100_000];
        new Random(seed).NextBytes(content);
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, content);
        using var encoder = new FrameEncoder(OvirtDistributed.Repository.Frames.CompressionProfile.Stored, ContentKeys.Plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(content.Length)];
        return (digest, frame[..encoder.Encode(FrameKind.Chunk, digest, content, frame)]);
    }

    private static Task<FenceResponse> FenceAsync(MoverSite site, long token, string task = "task-1") => site.Control.FenceAsync(
        new FenceRequest { Repository = MoverSite.Main, TaskId = task, FencingToken = token }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

    private static async Task<RpcException?> CatchAsync(Func<Task> call)
    {
        try
        {
            await call().WithinDeadline();
            return null;
        }
        catch (RpcException failure)
        {
            return failure;
        }
    }

    private static void AssertFenced(RpcException failure)
    {
        Assert.Equal(StatusCode.FailedPrecondition, failure.StatusCode);
        Assert.Equal("fenced", FailureStatus.ReasonOf(failure));
    }
}
