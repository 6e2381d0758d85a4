// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>The programs measured against or used, found once.</summary>
internal static class Tools
{
    private static readonly (string Program, string Package)[] Needed =
    [
        ("restic", "restic"), ("borg", "borgbackup"), ("qemu-img", "qemu-utils"), ("qemu-nbd", "qemu-utils"), ("qemu-io", "qemu-utils"), ("mke2fs", "e2fsprogs"),
    ];

    /// <exception cref="InvalidOperationException">Programs are missing; the message names their Debian packages.</exception>
    public static void Check()
    {
        var missing = Needed.Where(tool => Find(tool.Program) is null).ToList();
        if (missing.Count > 0)
        {
            throw new InvalidOperationException(
                $"{string.Join(", ", missing.Select(tool => tool.Program))} not found: apt-get install {string.Join(' ', missing.Select(tool => tool.Package).Distinct(StringComparer.Ordinal))}");
        }
    }

    /// <summary>First line of what the rivals say of themselves.</summary>
    public static async Task<IReadOnlyList<string>> VersionsAsync(CancellationToken cancellationToken) =>
    [
        FirstLine(await RunAsync("restic", ["version"], null, cancellationToken)),
        FirstLine(await RunAsync("borg", ["--version"], null, cancellationToken)),
        FirstLine(await RunAsync("qemu-img", ["--version"], null, cancellationToken)),
    ];

    public static Task<string> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment, CancellationToken cancellationToken) =>
        ChildProcess.RunAsync(Path(program), arguments, environment, cancellationToken);

    public static string Path(string program) => Find(program) ?? throw new InvalidOperationException($"{program} was not found in PATH.");

    // mke2fs is in sbin, which is not in every user's PATH.
    private static string? Find(string program) => $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin"
        .Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(directory => System.IO.Path.Combine(directory, program))
        .FirstOrDefault(File.Exists);

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();
}
