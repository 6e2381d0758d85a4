// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Globalization;

namespace OvirtDistributed.EndToEnd.Encryption;

/// <summary>Looks for bytes in the writable memory of a running process, as somebody with a dump of it would.</summary>
internal static class ProcessMemory
{
    private const int Window = 4 << 20;

    /// <summary>Which of the needles are there at this moment. Memory that goes away meanwhile is skipped.</summary>
    public static HashSet<string> Find(int processId, IReadOnlyDictionary<string, byte[]> needles)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var longest = needles.Values.Max(needle => needle.Length);
        using var memory = new FileStream($"/proc/{processId}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        var window = ArrayPool<byte>.Shared.Rent(Window);
        foreach (var (start, end) in Regions(processId))
        {
            for (var at = start; at < end; at += Window - longest)
            {
                var length = Read(memory, at, window.AsSpan(0, (int)Math.Min(Window, end - at)));
                foreach (var (name, needle) in needles)
                {
                    if (window.AsSpan(0, length).IndexOf(needle) >= 0)
                    {
                        found.Add(name);
                    }
                }
            }
        }

        // The needles themselves must not stay behind in a pooled buffer of the test's own process.
        ArrayPool<byte>.Shared.Return(window, clearArray: true);
        return found;
    }

    private static int Read(FileStream memory, long position, Span<byte> window)
    {
        try
        {
            memory.Position = position;
            return memory.Read(window);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static List<(long Start, long End)> Regions(int processId) =>
    [
        .. File.ReadAllLines($"/proc/{processId}/maps")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[1].StartsWith("rw", StringComparison.Ordinal))
            .Select(fields => fields[0].Split('-'))
            .Select(range => (Parse(range[0]), Parse(range[1]))),
    ];

    private static long Parse(string hex) => (long)ulong.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
