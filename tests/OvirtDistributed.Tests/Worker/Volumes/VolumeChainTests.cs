// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Volumes;

/// <summary>Disks put together from the files of their layers, compared with what qemu reads of them.</summary>
public sealed class VolumeChainTests(ITestOutputHelper output)
{
    private const string Seeds = "OVD_VOLUME_SEEDS";
    private const long MiB = 1 << 20;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("compat=1.1,cluster_size=65536")]
    [InlineData("compat=0.10,cluster_size=65536")]
    [InlineData("compat=1.1,cluster_size=512")]
    [InlineData("compat=1.1,cluster_size=2097152")]
    [InlineData("compat=1.1,cluster_size=4096,lazy_refcounts=on,refcount_bits=1")]
    public async Task OneLayer_IsReadWithoutStagingAnything(string options)
    {
        using var chain = new QemuChain();
        await chain.AddAsync(options, (5 * MiB) + 512);
        await chain.WriteAsync("write -P 1 0 4096", "write -P 2 1000000 70000", "write -P 3 5242880 512", "write -z 2097152 65536");

        await using var source = await chain.OpenWholeAsync((5 * MiB) + 512);

        Assert.Equal(await chain.ReferenceAsync(chain.Top), await QemuChain.ReadAsync(source, default, changes: false));
        Assert.Equal([chain.Top], chain.Opened);
    }

    [Fact]
    public async Task Layers_ZeroHidesHoleShowsAndAShortLayerEndsInZeroes()
    {
        using var chain = new QemuChain();
        await chain.AddAsync("", 2 * MiB);
        await chain.WriteAsync("write -P 1 0 2M");
        var middle = await chain.AddAsync("cluster_size=65536", 1 * MiB);
        await chain.WriteAsync("write -P 2 0 64k", "write -z 64k 64k");
        var top = await chain.AddAsync("cluster_size=65536", 4 * MiB);
        await chain.WriteAsync("write -P 3 256k 64k", "write -P 4 3M 64k");

        await using var source = await chain.OpenWholeAsync(4 * MiB);

        var read = await QemuChain.ReadAsync(source, default, changes: false);
        Assert.Equal(await chain.ReferenceAsync(top), read);
        Assert.Equal([2, 0, 1, 3, 0, 4], new[] { 0L, 65536, 131072, 262144, 3 * MiB / 2, 3 * MiB }.Select(place => read[place]));

        // Tables from the top down, then the two small layers, then the largest, which stays.
        Assert.Equal([top, middle, chain.IdOf(0), top, middle, chain.IdOf(0)], chain.Opened);
        Assert.True(source.ReadsUnchanged);
    }

    [Fact]
    public async Task LargestLayerOnTop_StaysOpenAndTheOneBelowIsStaged()
    {
        using var chain = new QemuChain();
        var below = await chain.AddAsync("cluster_size=65536", 8 * MiB);
        await chain.WriteAsync("write -P 1 0 128k");
        await chain.CompressAsync("cluster_size=65536");
        var top = await chain.AddAsync("cluster_size=65536", 8 * MiB);
        await chain.WriteAsync("write -P 2 1M 4M", "write -P 3 64k 512");

        await using var source = await chain.OpenWholeAsync(8 * MiB);

        Assert.Equal(await chain.ReferenceAsync(top), await QemuChain.ReadAsync(source, default, changes: false));
        Assert.Equal([top, below, top], chain.Opened);
    }

    [Fact]
    public async Task Changes_AreWhatTheNewestLayerHoldsOnTheExpectedOne()
    {
        using var chain = new QemuChain();
        var parent = await chain.AddAsync("cluster_size=65536", 2 * MiB);
        await chain.WriteAsync("write -P 1 0 1M");
        var before = await chain.ReferenceAsync(parent);
        await chain.AddAsync("cluster_size=65536", 3 * MiB);
        await chain.WriteAsync("write -P 2 64k 1000", "write -z 512k 64k", "write -P 4 2560k 64k");

        await using (var source = await chain.OpenChangesAsync(3 * MiB, parent))
        {
            Assert.False(source.ReadsUnchanged);
            Assert.Equal(await chain.ReferenceAsync(chain.Top), await QemuChain.ReadAsync(source, before, changes: true));
        }

        var other = await Assert.ThrowsAsync<TaskFailureException>(() => chain.OpenChangesAsync(3 * MiB, Guid.NewGuid()));
        Assert.Equal(FailureCode.DirtyExtentsUnavailable, other.Code);
    }

    [Fact]
    public async Task SmallClusters_CannotTellChangesByThePage()
    {
        using var chain = new QemuChain();
        var parent = await chain.AddAsync("cluster_size=512", MiB);
        await chain.AddAsync("cluster_size=512", MiB);
        await chain.WriteAsync("write -P 2 512 512");

        await using var source = await chain.OpenChangesAsync(MiB, parent);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => QemuChain.ReadAsync(source, new byte[MiB], changes: true));
        Assert.Equal(FailureCode.DirtyExtentsUnavailable, failure.Code);
    }

    [Fact]
    public async Task RandomChains_ReadAsQemuReadsThem()
    {
        var (first, count) = SeedsOf(Environment.GetEnvironmentVariable(Seeds));
        for (var seed = first; seed < first + count; seed++)
        {
            output.WriteLine($"seed {seed} (more: {Seeds}=FIRST+COUNT)");
            await CompareAsync(new Random(seed));
        }
    }

    private static async Task CompareAsync(Random random)
    {
        using var chain = new QemuChain();
        var size = 0L;
        var before = Array.Empty<byte>();
        var layers = random.Next(1, 5);
        for (var layer = 0; layer < layers; layer++)
        {
            // Disks only grow; by no whole number of clusters.
            size = Math.Max(size, random.NextInt64(1, 12 * MiB / 4096) * 4096);
            before = layer == layers - 1 && layer > 0 ? await chain.ReferenceAsync(chain.Top) : before;
            var old = random.Next(4) == 0;
            var options = layer == 0 && random.Next(3) == 0 ? "" : $"compat={(old ? "0.10" : "1.1")},cluster_size={1 << random.Next(12, 22)}";
            await chain.AddAsync(options, size);
            await chain.WriteAsync(Enumerable.Range(0, random.Next(1, 25)).Select(_ => Command(random, size, options.Length > 0 && !old)));
            if (layer == 0 && random.Next(3) == 0)
            {
                await chain.CompressAsync($"cluster_size={1 << random.Next(12, 22)}");
            }
        }

        var expected = await chain.ReferenceAsync(chain.Top);
        await using (var whole = await chain.OpenWholeAsync(size))
        {
            Assert.Equal(expected, await QemuChain.ReadAsync(whole, default, changes: false));
            for (var piece = 0; piece < 20; piece++)
            {
                var start = random.NextInt64(0, size);
                var bytes = new byte[random.NextInt64(1, size - start + 1)];
                await whole.ReadAsync(start, bytes, Token).WithinDeadline();
                Assert.True(expected.AsSpan((int)start, bytes.Length).SequenceEqual(bytes));
            }
        }

        if (layers > 1)
        {
            await using var changes = await chain.OpenChangesAsync(size, chain.IdOf(layers - 2));
            Assert.Equal(expected, await QemuChain.ReadAsync(changes, before, changes: true));
        }
    }

    private static string Command(Random random, long size, bool canDiscard)
    {
        var start = random.NextInt64(0, size / 512) * 512;
        var length = Math.Min(size - start, random.NextInt64(1, 2048) * 512);
        return random.Next(8) switch
        {
            0 => string.Create(CultureInfo.InvariantCulture, $"write -z {start} {length}"),
            1 when canDiscard => string.Create(CultureInfo.InvariantCulture, $"discard {start / 65536 * 65536} {length}"),
            2 => string.Create(CultureInfo.InvariantCulture, $"write -z -u {start} {length}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"write -P {random.Next(1, 256)} {start} {length}"),
        };
    }

    private static (int First, int Count) SeedsOf(string? text)
    {
        var parts = (text ?? "1+8").Split('+');
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 1);
    }
}
