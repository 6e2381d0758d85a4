// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Lab.Processes;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Transports.Nbd;
using OvirtDistributed.Worker.Transports.Ssh;
using Xunit;

namespace OvirtDistributed.EndToEnd.Hosts;

/// <summary>Transport mode ssh on block storage: real logical volumes of a real volume group, in a booted host.</summary>
public sealed class LogicalVolumeTests
{
    [Fact]
    public async Task VolumesAreActiveWhileTheyAreServedAndNotAfterwards()
    {
        using var directory = new TemporaryDirectory();
        var (lower, upper, expected) = await MakeChainAsync(directory);
        await using var host = await BlockHost.StartAsync(lower, upper);
        Assert.Empty(await host.ActiveAsync());

        var chain = Chain(host);
        Assert.Equal(expected, await ReadAsync(host, chain, active: [host.Lower, host.Upper]));
        Assert.Empty(await host.ActiveAsync());

        // What somebody else has made active stays so.
        _ = await host.RunAsync($"lvchange --config '{BlockHost.Luns}' -ay {host.Group}/{host.Lower}");
        await WriteAsync(host, chain, expected);
        Assert.Equal([host.Lower], await host.ActiveAsync());
        Assert.Equal(expected, await ReadAsync(host, chain, active: [host.Lower, host.Upper]));
        Assert.Equal([host.Lower], await host.ActiveAsync());
        Assert.Empty((await host.RunAsync("find /tmp -name 'ovd-*' ! -name 'ovd-test-*'")).Trim());
    }

    /// <summary>A raw volume and a qcow2 one over it, and what a guest sees.</summary>
    private static async Task<(string Lower, string Upper, byte[] Expected)> MakeChainAsync(TemporaryDirectory directory)
    {
        var (lower, upper) = (directory.File("lower"), directory.File("upper"));
        var expected = new byte[BlockHost.VolumeBytes];
        new Random(11).NextBytes(expected.AsSpan(0, 5 << 20));
        await File.WriteAllBytesAsync(lower, expected);
        await RunAsync("qemu-img", "create", "-q", "-f", "qcow2", "-b", lower, "-F", "raw", upper);
        await RunAsync("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 300k", "-c", "write -z 2M 1M", "-c", "write -P 9 20M 64k", upper);
        expected.AsSpan(1 << 20, 300 << 10).Fill(7);
        expected.AsSpan(2 << 20, 1 << 20).Clear();
        expected.AsSpan(20 << 20, 64 << 10).Fill(9);
        return (lower, upper, expected);
    }

    private static HostImage Chain(BlockHost host)
    {
        SshVolume Volume(string id, string format) =>
            new() { StorageDomainId = host.Group, VolumeId = id, Format = format, LogicalVolume = true };
        return HostImage.Of(new SshDisk { StorageRoot = "/rhev/data-center", Chain = { Volume(host.Upper, "qcow2"), Volume(host.Lower, "raw") } });
    }

    private static async Task<byte[]> ReadAsync(BlockHost host, HostImage image, IReadOnlyList<string> active)
    {
        await using var export = await StartAsync(host, image, writable: false);
        Assert.Equal(active.Order(StringComparer.Ordinal), (await host.ActiveAsync()).Order(StringComparer.Ordinal));
        await using var client = await NbdClient.ConnectAsync(export.SocketPath, CancellationToken.None).WithinDeadline();
        Assert.Equal(BlockHost.VolumeBytes, client.SizeBytes);
        var content = new byte[BlockHost.VolumeBytes];
        for (var offset = 0; offset < content.Length; offset += 1 << 20)
        {
            await client.ReadAsync(offset, content.AsMemory(offset, 1 << 20), CancellationToken.None).AsTask().WithinDeadline();
        }

        return content;
    }

    /// <summary>Writes through the chain and remembers it in what is expected.</summary>
    private static async Task WriteAsync(BlockHost host, HostImage image, byte[] expected)
    {
        await using var export = await StartAsync(host, image, writable: true);
        await using var client = await NbdClient.ConnectAsync(export.SocketPath, CancellationToken.None).WithinDeadline();
        var data = expected.AsMemory(9 << 20, 1 << 20);
        new Random(12).NextBytes(data.Span);
        await client.WriteAsync(9 << 20, data, CancellationToken.None).AsTask().WithinDeadline();
        await client.FlushAsync(CancellationToken.None).AsTask().WithinDeadline();
    }

    private static Task<HostExport> StartAsync(BlockHost host, HostImage image, bool writable) =>
        HostExport.StartAsync(host.Access, image, writable, clients: 2, TimeProvider.System, CancellationToken.None).WithinDeadline(TimeSpan.FromMinutes(2));

    private static Task RunAsync(string program, params string[] arguments) =>
        ChildProcess.RunAsync(program, arguments, environment: null, CancellationToken.None).WithinDeadline();
}
