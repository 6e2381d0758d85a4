// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Processes;

namespace OvirtDistributed.Benchmarks.Images;

/// <summary>
/// Disks made of another one's content with every byte xored by one value: nothing of it deduplicates with the original, all of it compresses
/// just as well, and holes stay holes.
/// </summary>
internal static class DerivedImage
{
    private const int PageBytes = 4 << 10;

    /// <summary>Writes the content once for each of <paramref name="masks"/>, one after the other.</summary>
    public static async Task<TestImage> CreateAsync(string directory, string name, string original, IReadOnlyList<byte> masks, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory(Path.Combine(directory, name)).FullName;
        var file = Path.Combine(folder, "disk.raw");
        var size = new FileInfo(original).Length;
        var page = new byte[PageBytes];
        await using (var target = new FileStream(file, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20))
        {
            target.SetLength(size * masks.Count);
            for (var copy = 0; copy < masks.Count; copy++)
            {
                await using var source = new FileStream(original, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20);
                for (var position = 0L; position < size; position += PageBytes)
                {
                    var length = await source.ReadAtLeastAsync(page, PageBytes, throwOnEndOfStream: false, cancellationToken);
                    if (page.AsSpan(0, length).ContainsAnyExcept((byte)0))
                    {
                        Mask(page.AsSpan(0, length), masks[copy]);
                        target.Position = (copy * size) + position;
                        await target.WriteAsync(page.AsMemory(0, length), cancellationToken);
                    }
                }
            }
        }

        _ = await Tools.RunAsync("sync", [], null, cancellationToken);
        return new TestImage(file, null, null, []);
    }

    public static void Mask(Span<byte> content, byte mask)
    {
        foreach (ref var each in content)
        {
            each ^= mask;
        }
    }
}
