// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Volumes;

/// <summary>Layers whose tables lie. Whatever they say, the answer is an error that names the layer and the place, and never data.</summary>
public sealed class DamagedVolumeTests(ITestOutputHelper output)
{
    private const long Size = 2 << 20;
    private const int Cluster = 65536;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, 4, 0x52, "does not begin as a qcow2 file")]
    [InlineData(4, 4, 4, "qcow2 version 4")]
    [InlineData(20, 4, 8, "clusters of 2^8 bytes")]
    [InlineData(20, 4, 30, "clusters of 2^30 bytes")]
    [InlineData(24, 8, 1L << 62, "a disk of 4611686018427387904 bytes needs")]
    [InlineData(24, 8, -1, "the disk's size is")]
    [InlineData(32, 4, 2, "encryption (method 2)")]
    [InlineData(36, 4, 0, "the L1 table has 0 entries")]
    [InlineData(36, 4, -1, "entries, and 4194304 are possible")]
    [InlineData(40, 8, 0x30200, "does not begin at a cluster within the file")]
    [InlineData(40, 8, 1L << 40, "the L1 table's offset is")]
    [InlineData(8, 8, 65530, "is not within the first cluster")]
    [InlineData(72, 8, 2, "marked the image as corrupt")]
    [InlineData(72, 8, 1L << 40, "features this version does not know")]
    [InlineData(100, 4, 99, "a header of 99 bytes")]
    public async Task Header_IsRefusedByName(int offset, int bytes, long value, string text)
    {
        using var chain = await NewAsync();
        await PatchAsync(chain, offset, bytes, value);

        await RefusedAsync(chain, text);
    }

    [Theory]
    [InlineData("extended_l2=on,cluster_size=65536", "extended L2 entries")]
    [InlineData("compression_type=zstd", "another compression than deflate")]
    public async Task Feature_IsRefusedByName(string options, string text)
    {
        using var chain = new QemuChain();
        await chain.AddAsync(options, Size);

        await RefusedAsync(chain, text);
    }

    [Theory]
    [InlineData(true, 0x40_0000_0000, "names no place for a table")]
    [InlineData(true, 0x10200, "names no place for a table")]
    [InlineData(true, 0x10001, "reserved bits")]
    [InlineData(true, 0x30000, "names no place for a table")]
    [InlineData(false, 0x40_0000_0000, "names no place for a cluster")]
    [InlineData(false, 0x50200, "names no place for a cluster")]
    [InlineData(false, 0x50002, "reserved bits")]
    [InlineData(false, 0x100_0000_0005_0000, "reserved bits")]
    [InlineData(false, 0x30000, "names no place for a cluster")]
    [InlineData(false, 0x4000_0000_0000_0200, "names no place for a compressed cluster")]
    [InlineData(false, 0x4000_00ff_0000_0000, "names no place for a compressed cluster")]
    public async Task TableEntry_IsRefusedByName(bool first, long entry, string text)
    {
        using var chain = await NewAsync();
        var l1 = await FieldAsync(chain, 40);
        var l2 = await FieldAsync(chain, l1) & 0xff_ffff_ffff_fe00;
        await PatchAsync(chain, (int)(first ? l1 : l2), 8, entry);

        await RefusedAsync(chain, text);
    }

    [Fact]
    public async Task CompressedCluster_ThatIsNoneIsRefused()
    {
        using var chain = await NewAsync();
        await chain.CompressAsync($"cluster_size={Cluster}");
        var l1 = await FieldAsync(chain, 40);
        var entry = await FieldAsync(chain, await FieldAsync(chain, l1) & 0xff_ffff_ffff_fe00);
        await PatchAsync(chain, (int)(entry & ((1L << 54) - 1)), 8, -1);

        await using var source = await chain.OpenWholeAsync(Size);
        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => QemuChain.ReadAsync(source, default, changes: false));
        Assert.Contains("cannot be decompressed", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Circle_IsRefused()
    {
        using var chain = await NewAsync();
        await chain.AddAsync("compat=1.1", Size);
        await File.WriteAllBytesAsync(chain.PathOf(chain.IdOf(0)), await File.ReadAllBytesAsync(chain.PathOf(chain.Top), Token).WithinDeadline(), Token).WithinDeadline();

        await RefusedAsync(chain, "makes a circle");
    }

    [Fact]
    public async Task Parent_ThatIsNoVolumeIsRefused()
    {
        using var chain = await NewAsync();
        await chain.AddAsync("compat=1.1", Size);
        await PatchAsync(chain, (int)await FieldAsync(chain, 8), 8, 0x2e2e2f2e2e2f2e2e);

        await RefusedAsync(chain, "does not end in a volume's id");
    }

    [Fact]
    public async Task AnotherSize_IsNoneOfThisDisk()
    {
        using var chain = await NewAsync();

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => chain.OpenWholeAsync(Size * 2));

        Assert.Equal(FailureCode.BadOrder, failure.Code);
    }

    [Fact]
    public async Task RandomDamage_IsAnErrorOrReadsToTheEnd()
    {
        const int Seed = 20;
        output.WriteLine($"seed {Seed}");
        var random = new Random(Seed);
        using var chain = await NewAsync();
        await chain.WriteAsync("write -z 1M 64k", "write -P 9 1536k 200k");
        var whole = await File.ReadAllBytesAsync(chain.PathOf(chain.Top), Token).WithinDeadline();
        var refused = 0;
        for (var round = 0; round < 400; round++)
        {
            var bytes = whole.ToArray();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
            {
                // Header and tables; data may be anything anyway.
                var place = random.Next(3) switch { 0 => random.Next(0, 112), 1 => 0x30000 + random.Next(0, 8), _ => 0x40000 + random.Next(0, 256) };
                bytes[place] = (byte)random.Next(256);
            }

            await File.WriteAllBytesAsync(chain.PathOf(chain.Top), random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes, Token).WithinDeadline();
            try
            {
                await using var source = await chain.OpenWholeAsync(Size);
                await QemuChain.ReadAsync(source, default, changes: false);
            }
            catch (TaskFailureException failure)
            {
                refused++;
                Assert.Matches("damaged at byte|cannot be read: it uses|holds a disk of|There is no layer", failure.Message);
            }
        }

        Assert.InRange(refused, 100, 399);
    }

    private static async Task<QemuChain> NewAsync()
    {
        var chain = new QemuChain();
        await chain.AddAsync($"compat=1.1,cluster_size={Cluster}", Size);
        await chain.WriteAsync("write -P 1 0 256k");
        return chain;
    }

    private static async Task RefusedAsync(QemuChain chain, string text)
    {
        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => chain.OpenWholeAsync(Size));
        Assert.Equal(FailureCode.SourceFailed, failure.Code);
        Assert.Contains(text, failure.Message, StringComparison.Ordinal);
        Assert.Contains(QemuChain.DiskId, failure.Message, StringComparison.Ordinal);
    }

    private static async Task<long> FieldAsync(QemuChain chain, long offset)
    {
        var bytes = await File.ReadAllBytesAsync(chain.PathOf(chain.Top), Token).WithinDeadline();
        return BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan((int)offset));
    }

    private static async Task PatchAsync(QemuChain chain, int offset, int count, long value)
    {
        var file = chain.PathOf(chain.Top);
        var bytes = await File.ReadAllBytesAsync(file, Token).WithinDeadline();
        if (count == 4)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(offset), unchecked((int)value));
        }
        else
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(offset), value);
        }

        await File.WriteAllBytesAsync(file, bytes, Token).WithinDeadline();
    }
}
