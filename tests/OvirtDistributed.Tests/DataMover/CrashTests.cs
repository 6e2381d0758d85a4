// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class CrashTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ProcessIsKilledWhileFramesArrive_AcknowledgedOnesAreThereAfterwards()
    {
        using var directory = new TemporaryDirectory();
        var disk = MoverScript.MakeDisk(seed: 21, 64 << 20);
        var acknowledged = new List<ChunkDigest>();
        await using (var doomed = await MoverProcess.StartAsync(directory))
        {
            await CreateAsync(doomed);
            var session = await OpenAsync(doomed, MoverScript.Order(disk));
            await using var stream = FrameUploadStream.Open(doomed.NewChannel().CreateCallInvoker(), session.SessionId, Cancel);
            acknowledged.AddRange(await SendUntilKilledAsync(doomed, stream, disk));
        }

        await using var mover = await MoverProcess.StartAsync(directory);
        var next = await OpenAsync(mover, MoverScript.Order(disk, token: 2));
        var client = new BackupSessionService.BackupSessionServiceClient(mover.NewChannel());
        var asked = ByteString.CopyFrom([.. acknowledged.SelectMany(digest => digest.ToArray())]);
        var held = await client.HaveAsync(new HaveRequest { SessionId = next.SessionId, Digests = asked }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        Assert.NotEmpty(acknowledged);
        Assert.All(Enumerable.Range(0, acknowledged.Count), i => Assert.Equal(1, (held.Held[i / 8] >> (i % 8)) & 1));
    }

    [Fact]
    public async Task ProcessIsKilledInTheMiddleOfABackup_TheNextAttemptFinishesIt()
    {
        using var directory = new TemporaryDirectory();
        var disk = MoverScript.MakeDisk(seed: 22, 80 << 20);
        await using (var doomed = await MoverProcess.StartAsync(directory))
        {
            await CreateAsync(doomed);
            using var first = new DiskSender(doomed.NewChannel, await OpenAsync(doomed, MoverScript.Order(disk)), disk);
            await first.SendAsync(pages: 2, Cancel);
            await doomed.KillAsync();
        }

        await using var mover = await MoverProcess.StartAsync(directory);
        var session = await OpenAsync(mover, MoverScript.Order(disk, token: 2));
        using var second = new DiskSender(mover.NewChannel, session, disk);
        var root = await second.SendAsync(int.MaxValue, Cancel);
        await MoverScript.CompleteAsync(new BackupSessionService.BackupSessionServiceClient(mover.NewChannel()), session.SessionId, root);
        var control = new MoverControlService.MoverControlServiceClient(mover.NewChannel());
        await control.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)), cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        Assert.Equal(2, session.DurablePages);
        var restored = await MoverScript.RestoreAsync(mover.NewChannel);
        Assert.True(disk.AsSpan().SequenceEqual(restored));
    }

    // Kills at the first acknowledgement, with frames on the wire and in the store's buffers; returns the frames that were acknowledged.
    private static async Task<List<ChunkDigest>> SendUntilKilledAsync(MoverProcess mover, FrameUploadStream stream, byte[] disk)
    {
        const int ChunkBytes = 128 * 1024;
        using var encoder = new FrameEncoder(OvirtDistributed.Repository.Frames.CompressionProfile.Stored, ContentKeys.Plain);
        var sent = new List<(ChunkDigest Digest, long End)>();
        var frame = new byte[FrameEncoder.MaxEncodedLength(ChunkBytes)];
        for (var at = 0; at < disk.Length && stream.Durable.Bytes == 0; at += ChunkBytes)
        {
            var content = disk.AsMemory(at, ChunkBytes);
            var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, content.Span);
            var length = encoder.Encode(FrameKind.Chunk, digest, content.Span, frame);
            await stream.WriteAsync(frame.AsMemory(0, length), Cancel);
            sent.Add((digest, stream.WrittenBytes));
        }

        await stream.FlushAsync(Cancel);
        await stream.WaitDurableAsync(1, Cancel).WithinDeadline();
        await mover.KillAsync();
        return [.. sent.Where(frame => frame.End <= stream.Durable.Bytes).Select(frame => frame.Digest)];
    }

    private static Task<CreateRepositoryResponse> CreateAsync(MoverProcess mover) =>
        new MoverControlService.MoverControlServiceClient(mover.NewChannel())
            .CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

    private static Task<OpenSessionResponse> OpenAsync(MoverProcess mover, OpenSessionRequest order) =>
        new BackupSessionService.BackupSessionServiceClient(mover.NewChannel()).OpenSessionAsync(order, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
}
