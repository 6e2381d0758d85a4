// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Benchmarks.Processes;

namespace OvirtDistributed.Benchmarks.Images;

/// <summary>
/// The disks of the benchmark: a file system full of real files, the same disk after 3 % of it was rewritten in random 64 KiB blocks, and a
/// second disk with the same files in another layout.
/// </summary>
internal sealed class TestImages
{
    public const int BlockBytes = 64 << 10;

    private const string BitmapName = "changes";
    private const double ChangedShare = 0.03;
    private const double DataShare = 0.34;
    private const int WritesPerCall = 1000;

    private TestImages(TestImage first, TestImage changed, TestImage second, long changedBytes)
    {
        First = first;
        Changed = changed;
        Second = second;
        ChangedBytes = changedBytes;
    }

    public TestImage First { get; }

    public TestImage Changed { get; }

    public TestImage Second { get; }

    public long ChangedBytes { get; }

    public static async Task<TestImages> CreateAsync(string directory, int sizeMiB, CancellationToken cancellationToken)
    {
        var content = Directory.CreateDirectory(Path.Combine(directory, "content")).FullName;
        var rearranged = Directory.CreateDirectory(Path.Combine(directory, "content2")).FullName;
        var spare = FileHarvest.Copy(content, (long)(sizeMiB * DataShare) << 20, cancellationToken);
        var first = await NewRawAsync(directory, "first", content, sizeMiB, cancellationToken);
        FileHarvest.Rearrange(content, rearranged);
        var second = await NewRawAsync(directory, "second", rearranged, sizeMiB, cancellationToken);
        Directory.Delete(content, recursive: true);
        Directory.Delete(rearranged, recursive: true);

        var firstCow = Path.Combine(Path.GetDirectoryName(first)!, "disk.qcow2");
        await QemuImgAsync(["convert", "-f", "raw", "-O", "qcow2", first, firstCow], cancellationToken);
        var changed = await ChangeAsync(directory, first, firstCow, spare, cancellationToken);
        return new TestImages(new TestImage(first, firstCow, null, []), changed, new TestImage(second, null, null, []), (long)changed.DirtyBlocks.Count * BlockBytes);
    }

    private static async Task<string> NewRawAsync(string directory, string name, string content, int sizeMiB, CancellationToken cancellationToken)
    {
        var file = Path.Combine(Directory.CreateDirectory(Path.Combine(directory, name)).FullName, "disk.raw");
        await using (var image = File.Create(file))
        {
            image.SetLength((long)sizeMiB << 20);
        }

        // One inode for each 8 KiB: many small files.
        _ = await Tools.RunAsync("mke2fs", ["-q", "-F", "-t", "ext4", "-m", "0", "-i", "8192", "-d", content, file], null, cancellationToken);
        return file;
    }

    private static async Task<TestImage> ChangeAsync(
        string directory, string first, string firstCow, IReadOnlyList<string> spare, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory(Path.Combine(directory, "changed")).FullName;
        var raw = Path.Combine(folder, "disk.raw");
        var cow = Path.Combine(folder, "disk.qcow2");
        _ = await Tools.RunAsync("cp", ["--sparse=always", first, raw], null, cancellationToken);
        File.Copy(firstCow, cow);
        await QemuImgAsync(["bitmap", "--add", "-f", "qcow2", cow, BitmapName], cancellationToken);
        var blocks = PickBlocks(new FileInfo(raw).Length);
        var pieces = Directory.CreateDirectory(Path.Combine(directory, "pieces")).FullName;
        await WriteBlocksAsync(raw, blocks, spare, pieces, cancellationToken);
        foreach (var some in blocks.Chunk(WritesPerCall))
        {
            var writes = some.SelectMany(offset => new[] { "-c", string.Create(CultureInfo.InvariantCulture, $"write -q -s {pieces}/{offset} {offset} {BlockBytes}") });
            _ = await Tools.RunAsync("qemu-io", ["-f", "qcow2", "--cache=writeback", .. writes, cow], null, cancellationToken);
        }

        Directory.Delete(pieces, recursive: true);

        // A bitmap that still records cannot be served read-only.
        await QemuImgAsync(["bitmap", "--disable", "-f", "qcow2", cow, BitmapName], cancellationToken);
        await QemuImgAsync(["compare", "-f", "raw", "-F", "qcow2", raw, cow], cancellationToken);
        return new TestImage(raw, cow, BitmapName, blocks);
    }

    private static List<long> PickBlocks(long sizeBytes)
    {
        var all = Enumerable.Range(0, (int)(sizeBytes / BlockBytes)).ToArray();
        new Random(2).Shuffle(all);
        return [.. all.Take((int)(all.Length * ChangedShare)).Order().Select(index => (long)index * BlockBytes)];
    }

    /// <summary>Writes blocks of the spare files' content, and keeps each as a file for the qcow2 image.</summary>
    private static async Task WriteBlocksAsync(
        string raw, IReadOnlyList<long> blocks, IReadOnlyList<string> spare, string pieces, CancellationToken cancellationToken)
    {
        await using var image = new FileStream(raw, FileMode.Open, FileAccess.Write);
        var content = new byte[BlockBytes];
        var sources = spare.Where(file => new FileInfo(file).Length >= BlockBytes).GetEnumerator();
        foreach (var offset in blocks)
        {
            if (!sources.MoveNext())
            {
                throw new InvalidOperationException("Too few files are left over for changes: choose a smaller --size-mib.");
            }

            await using (var source = File.OpenRead(sources.Current))
            {
                await source.ReadExactlyAsync(content, cancellationToken);
            }

            image.Position = offset;
            await image.WriteAsync(content, cancellationToken);
            await File.WriteAllBytesAsync(Path.Combine(pieces, offset.ToString(CultureInfo.InvariantCulture)), content, cancellationToken);
        }

        image.Flush(flushToDisk: true);
    }

    private static Task QemuImgAsync(string[] arguments, CancellationToken cancellationToken) =>
        Tools.RunAsync("qemu-img", arguments, null, cancellationToken);
}
