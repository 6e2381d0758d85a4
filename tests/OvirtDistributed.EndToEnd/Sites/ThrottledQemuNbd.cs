// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.EndToEnd.Sites;

/// <summary>A <c>qemu-nbd</c> in a directory: the real one, slowed down by its own throttle while a test wants that, so that there is a middle.</summary>
internal sealed class ThrottledQemuNbd
{
    private const int SlowBytesPerSecond = 16 << 20;

    private readonly string _slowMark;

    /// <param name="programDirectory">Where it is put.</param>
    /// <param name="slowMark">File that is there while it is to be slow.</param>
    public ThrottledQemuNbd(string programDirectory, string slowMark)
    {
        _slowMark = slowMark;
        Program = Path.Combine(programDirectory, "qemu-nbd");
        var script = $$$"""
            #!/bin/bash
            if [ ! -e '{{{slowMark}}}' ] || [ "$1" = --help ]; then exec /usr/bin/qemu-nbd "$@"; fi
            image=${@: -1}
            exec /usr/bin/qemu-nbd --object throttle-group,id=slow,x-bps-total={{{SlowBytesPerSecond}}} "${@:1:$#-1}" "json:{\"driver\":\"throttle\",\"throttle-group\":\"slow\",\"file\":${image#json:}}"

            """;
        File.WriteAllText(Program, script);
        File.SetUnixFileMode(Program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public string Program { get; }

    /// <summary>What it begins to serve from now on is slow.</summary>
    public void SlowDown() => File.WriteAllText(_slowMark, "");

    public void SpeedUp() => File.Delete(_slowMark);

    /// <summary>Processes, of those that serve something, whose command line has all of these; not the shells that started them.</summary>
    public static IReadOnlyList<int> Running(params string[] parts) =>
        [.. Directory.EnumerateDirectories("/proc")
            .Select(folder => (Name: Path.GetFileName(folder), Folder: folder))
            .Where(process => int.TryParse(process.Name, NumberStyles.None, CultureInfo.InvariantCulture, out _) && CommandLineOf(process.Folder) is var command
                && command.Contains("qemu-nbd\0", StringComparison.Ordinal) && !command.Contains("-c\0", StringComparison.Ordinal)
                && parts.All(part => command.Contains(part, StringComparison.Ordinal)))
            .Select(process => int.Parse(process.Name, CultureInfo.InvariantCulture))];

    private static string CommandLineOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline"));
        }
        catch (IOException)
        {
            // It has just ended.
            return "";
        }
    }
}
