// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Transports.Nbd;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Nbd;

/// <summary>The NBD client against a real qemu-nbd.</summary>
public sealed class NbdClientTests
{
    private const int Block = 64 * 1024;

    [Fact]
    public async Task Chain_ExtentsTellZeroesAndWhichLayerHoldsWhat()
    {
        await using var site = new NbdSite();
        var lower = await site.CreateAsync("lower", "8M");
        await NbdSite.IoAsync(lower, "write -P 1 0 128k", "write -P 1 1M 64k");
        var upper = await site.CreateAsync("upper", "8M", lower);
        await NbdSite.IoAsync(upper, "write -P 2 64k 64k", "write -z 1M 64k");
        await using var client = await NbdClient.ConnectAsync(await site.ServeAsync(upper, "--read-only", "--allocation-depth"), NbdSite.Token).WithinDeadline();

        var extents = await NbdExtentReader.ReadAsync(client, NbdSite.Token).ToListAsync(NbdSite.Token).AsTask().WithinDeadline();

        Assert.Equal(8L << 20, client.SizeBytes);
        Assert.True(client.ReadOnly);
        Assert.Equal(
            [
                new NbdImageExtent(0, Block, IsZero: false, Depth: 2),
                new NbdImageExtent(Block, Block, IsZero: false, Depth: 1),
                new NbdImageExtent(2 * Block, (1 << 20) - (2 * Block), IsZero: true, Depth: 0),
                new NbdImageExtent(1 << 20, Block, IsZero: true, Depth: 1),
                new NbdImageExtent((1 << 20) + Block, (7 << 20) - Block, IsZero: true, Depth: 0),
            ],
            extents);
    }

    [Fact]
    public async Task ReadsAndWritesInFlight_EachGetsItsOwnBytes()
    {
        await using var site = new NbdSite();
        var socket = await site.ServeAsync(await site.CreateAsync("disk", "32M"));
        await using var client = await NbdClient.ConnectAsync(socket, NbdSite.Token).WithinDeadline();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => client.WriteAsync(i * 3L * Block, Filled(i, Block + i), NbdSite.Token).AsTask())).WithinDeadline();
        await client.WriteZeroesAsync(3 * Block, Block, punchHole: false, NbdSite.Token).AsTask().WithinDeadline();
        await client.FlushAsync(NbdSite.Token).AsTask().WithinDeadline();

        // Over another connection, so that nothing comes from this client's own memory.
        await using var reader = await NbdClient.ConnectAsync(socket, NbdSite.Token).WithinDeadline();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            var data = new byte[2 * Block];
            Array.Fill(data, (byte)0xEE);
            await reader.ReadAsync(i * 3L * Block, data, NbdSite.Token);
            var expected = new byte[2 * Block];
            Filled(i, Block + i).CopyTo(expected, 0);
            if (i == 1)
            {
                expected.AsSpan(0, Block).Clear();
            }

            Assert.Equal(expected, data);
        })).WithinDeadline();
    }

    [Fact]
    public async Task ReadBeyondTheEnd_FailsAndTheConnectionGoesOn()
    {
        await using var site = new NbdSite();
        await using var client = await NbdClient.ConnectAsync(await site.ServeAsync(await site.CreateAsync("disk", "1M")), NbdSite.Token).WithinDeadline();

        var failure = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(1 << 20, new byte[512], NbdSite.Token).AsTask()).WithinDeadline();

        Assert.Equal(22u, failure.Errno);
        await client.ReadAsync(0, new byte[512], NbdSite.Token).AsTask().WithinDeadline();
    }

    [Fact]
    public async Task ServerKilled_RequestsFailAndSoDoesConnecting()
    {
        await using var site = new NbdSite();
        var socket = await site.ServeAsync(await site.CreateAsync("disk", "1M"));
        await using var client = await NbdClient.ConnectAsync(socket, NbdSite.Token).WithinDeadline();
        site.KillServers();

        await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(0, new byte[512], NbdSite.Token).AsTask()).WithinDeadline();
        await Assert.ThrowsAsync<NbdException>(() => client.FlushAsync(NbdSite.Token).AsTask()).WithinDeadline();
        await Assert.ThrowsAsync<NbdException>(() => NbdClient.ConnectAsync(socket, NbdSite.Token)).WithinDeadline();
    }

    private static byte[] Filled(int value, int length)
    {
        var data = new byte[length];
        Array.Fill(data, (byte)(value + 1));
        return data;
    }
}
