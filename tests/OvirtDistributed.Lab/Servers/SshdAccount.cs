// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Servers;

/// <summary>
/// A user that only a private server and what it runs know: they see account files of their own, in a mount namespace. This machine's users, passwords and sudoers
/// are not touched.
/// </summary>
/// <param name="Name">Not that of a user of this machine.</param>
/// <param name="Password">With which he comes in.</param>
/// <param name="MaySudo">He runs /bin/sh as root without being asked for a password.</param>
public sealed record SshdAccount(string Name, string Password, bool MaySudo)
{
    private const int UserId = 64123;

    /// <summary>Writes the files.</summary>
    /// <returns>The command that runs another one among them.</returns>
    internal async Task<string[]> CommandAsync(string directory, IEnumerable<string> command, CancellationToken cancellationToken)
    {
        var hash = await ChildProcess.RunAsync("perl", ["-e", "print crypt($ARGV[0], '$6$lab$')", Password], null, cancellationToken);
        var files = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["passwd"] = $"{await File.ReadAllTextAsync("/etc/passwd", cancellationToken)}{Name}:x:{UserId}:{UserId}::/tmp:/bin/sh\n",
            ["group"] = $"{await File.ReadAllTextAsync("/etc/group", cancellationToken)}{Name}:x:{UserId}:\n",
            ["shadow"] = $"root:*:19000:0:99999:7:::\n{Name}:{hash.Trim()}:19000:0:99999:7:::\n",
            ["sudoers"] = MaySudo ? $"root ALL=(ALL:ALL) ALL\n{Name} ALL=(root) NOPASSWD: /bin/sh\n" : "root ALL=(ALL:ALL) ALL\n",
        };
        foreach (var (name, text) in files)
        {
            var file = Path.Combine(directory, name);
            await File.WriteAllTextAsync(file, text, cancellationToken);
            File.SetUnixFileMode(file, name is "passwd" or "group" ? UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead : UnixFileMode.UserRead);
        }

        var mounts = string.Concat(files.Keys.Select(name => $"mount --bind \"$0/{name}\" /etc/{name} && "));
        return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", $"{mounts}exec \"$@\"", directory, .. command];
    }
}
