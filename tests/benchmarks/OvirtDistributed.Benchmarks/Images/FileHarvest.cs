// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks.Images;

/// <summary>Real files of this machine as content: programs, libraries, documents and data under /usr.</summary>
internal static class FileHarvest
{
    private const long LargestBytes = 24L << 20;

    private static readonly string[] Sources = ["/usr/bin", "/usr/share", "/usr/lib", "/usr/include", "/usr/libexec"];

    private static readonly EnumerationOptions Walk = new()
    {
        RecurseSubdirectories = true,
        IgnoreInaccessible = true,
        AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device,
    };

    /// <summary>Copies about <paramref name="limitBytes"/>, whole directories at a time, taking from each source in turn.</summary>
    /// <returns>Files that were not copied: other real content.</returns>
    /// <exception cref="InvalidOperationException">The machine has too few files.</exception>
    public static List<string> Copy(string directory, long limitBytes, CancellationToken cancellationToken)
    {
        var queues = Sources.Where(Directory.Exists).Select(source => new Queue<string[]>(Groups(source))).ToList();
        var copied = 0L;
        while (copied < limitBytes && queues.Exists(queue => queue.Count > 0))
        {
            foreach (var queue in queues)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (copied < limitBytes && queue.TryDequeue(out var files))
                {
                    copied += files.Sum(file => CopyOne(file, directory));
                }
            }
        }

        if (copied < limitBytes)
        {
            throw new InvalidOperationException(
                $"Only {copied >> 20} MiB of files were found below {string.Join(", ", Sources)}, {limitBytes >> 20} are needed: choose a smaller --size-mib.");
        }

        return [.. queues.SelectMany(queue => queue).SelectMany(files => files)];
    }

    /// <summary>
    /// Moves each directory's files to a directory elsewhere, in another order of the directories: another layout on disk, in which files of
    /// one directory still lie together, as on a second machine with the same programs.
    /// </summary>
    public static void Rearrange(string directory, string other)
    {
        const int Parents = 61;
        var groups = Directory.GetFiles(directory, "*", SearchOption.AllDirectories)
            .GroupBy(file => Path.GetDirectoryName(file)!, StringComparer.Ordinal)
            .OrderByDescending(group => group.Key, StringComparer.Ordinal)
            .Select(group => group.ToArray())
            .ToList();
        foreach (var (index, files) in groups.Index())
        {
            var target = Directory.CreateDirectory(Path.Combine(other, $"part{index % Parents:D2}", $"{index:D6}")).FullName;
            foreach (var file in files)
            {
                File.Move(file, Path.Combine(target, Path.GetFileName(file)));
            }
        }
    }

    /// <summary>Files of one directory each, at most 64 of them, so that a huge directory does not crowd out the rest.</summary>
    private static string[][] Groups(string source)
    {
        const int LargestGroup = 64;
        var groups = new DirectoryInfo(source).EnumerateFiles("*", Walk)
            .Where(file => file.LinkTarget is null && file.Length is > 0 and <= LargestBytes)
            .GroupBy(file => file.DirectoryName!, file => file.FullName, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .SelectMany(group => group.Order(StringComparer.Ordinal).Chunk(LargestGroup))
            .ToArray();

        // A fixed shuffle, so that what is left over is of the same sort as what was taken.
        new Random(1).Shuffle(groups);
        return groups;
    }

    private static long CopyOne(string file, string directory)
    {
        var target = Path.Combine(directory, file.TrimStart('/'));
        try
        {
            _ = Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
            return new FileInfo(target).Length;
        }
        catch (UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
