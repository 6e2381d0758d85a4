// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class BackpressureTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ReaderThatDoesNotRead_IsNotSentMoreThanItsWindow()
    {
        const int ChunkBytes = 512 * 1024;
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = new byte[32 << 20];
        new Random(31).NextBytes(disk);
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(await site.BackUpAsync(disk))));
        var digests = Enumerable.Range(0, disk.Length / DiskSender.ChunkBytes)
            .Select(i => ContentKeys.Plain.Compute(FrameKind.Chunk, disk.AsSpan(i * DiskSender.ChunkBytes, DiskSender.ChunkBytes)))
            .ToArray();
        long sent = 0;
        using var meters = ListenToSent(site.Meters, bytes => Interlocked.Add(ref sent, bytes));
        var session = await site.Reads.OpenReadAsync(
            new OpenReadRequest { Repository = MoverSite.Main, PointId = "point-1", DiskId = MoverScript.DiskId }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        await using var stream = FrameDownloadStream.Open(site.NewChannel().CreateCallInvoker(), session.ReadSessionId, Cancel);

        await stream.RequestAsync(MemoryMarshal.AsBytes<ChunkDigest>(digests).ToArray(), Cancel);
        var before = -1L;
        var same = 0;
        await Deadline.UntilAsync(
            () =>
            {
                var now = Interlocked.Read(ref sent);
                same = now == before && now > 0 ? same + 1 : 0;
                before = now;
                return Task.FromResult(same == 15);
            },
            "sending stands still");
        var unread = Interlocked.Read(ref sent);

        using var decoder = new FrameDecoder(ContentKeys.Plain);
        var plain = new byte[ChunkBytes];
        var header = new byte[FrameHeader.Size];
        for (var i = 0; i < digests.Length; i++)
        {
            await stream.ReadExactlyAsync(header, Cancel).AsTask().WithinDeadline();
            var frame = new byte[FrameHeader.Read(header).FrameLength];
            header.CopyTo(frame, 0);
            await stream.ReadExactlyAsync(frame.AsMemory(FrameHeader.Size), Cancel).AsTask().WithinDeadline();
            var length = decoder.Decode(frame, digests[i], FrameKind.Chunk, plain);
            Assert.True(disk.AsSpan(i * DiskSender.ChunkBytes, DiskSender.ChunkBytes).SequenceEqual(plain.AsSpan(0, length)));
        }

        await stream.CompleteRequestsAsync().WithinDeadline();
        await stream.FinishAsync(Cancel).WithinDeadline();

        // The client's window (512 KiB), its receive buffer, the batch being sent and the sockets' buffers: a few MiB of 32.
        Assert.InRange(unread, 1, 10 << 20);
    }

    private static MeterListener ListenToSent(IMeterFactory meters, Action<long> add)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "ovd.mover.sent" && instrument.Meter.Scope == meters) // other tests have their own
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, bytes, _, _) => add(bytes));
        listener.Start();
        return listener;
    }
}
