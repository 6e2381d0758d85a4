// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.RegularExpressions;
using OvirtDistributed.Lab.Servers;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.EndToEnd.Sites;

/// <summary>A host that can be reached over SSH and has the simulator's disks where vdsm has them.</summary>
public sealed partial class SshHost : IAsyncDisposable
{
    private const int SlowBytesPerSecond = 16 << 20;

    private readonly TestSite _site;
    private readonly string _directory;

    private SshHost(TestSite site, string directory, PrivateSshd sshd)
    {
        _site = site;
        _directory = directory;
        Sshd = sshd;
    }

    public PrivateSshd Sshd { get; }

    private string StorageRoot => Path.Combine(_directory, "data-center");

    private string SlowMark => Path.Combine(_directory, "slow");

    public static async Task<SshHost> StartAsync(TestSite site)
    {
        var directory = Path.Combine(site.Lab.DataDirectory, "ssh");
        var host = new SshHost(site, directory, await PrivateSshd.StartAsync(directory, CancellationToken.None).WithinDeadline());
        await site.Engine.ShowStorageAsync(host.StorageRoot, CancellationToken.None).WithinDeadline();
        host.WriteServer();
        return host;
    }

    /// <summary>Makes it known to the server, as an operator would.</summary>
    /// <param name="knownHosts">Instead of the host's own key.</param>
    public async Task IntroduceAsync(string? knownHosts = null)
    {
        var said = await _site.OvdAsync(
            "manager", "set-ssh", LabSite.ManagerName, "--user", Sshd.User, "--key-file", Sshd.KeyFile, "--known-hosts", knownHosts ?? Sshd.KnownHostsFile,
            "--port", Sshd.Port.ToString(CultureInfo.InvariantCulture), "--storage-root", StorageRoot);
        Assert.Contains("1 host names have a pinned key", said, StringComparison.Ordinal);
        Assert.DoesNotContain("No key is pinned", said, StringComparison.Ordinal);
    }

    /// <summary>What is served from now on is so slow that there is a middle.</summary>
    public void SlowDown() => File.WriteAllText(SlowMark, "");

    public void SpeedUp() => File.Delete(SlowMark);

    /// <summary>Processes that serve disks of this site for us.</summary>
    public IReadOnlyList<int> Servers() =>
        [.. Directory.EnumerateDirectories("/proc")
            .Select(folder => (Name: Path.GetFileName(folder), Folder: folder))
            .Where(process => int.TryParse(process.Name, NumberStyles.None, CultureInfo.InvariantCulture, out _) && CommandLineOf(process.Folder) is var command
                && command.Contains("--socket=/tmp/ovd-", StringComparison.Ordinal) && command.Contains(StorageRoot, StringComparison.Ordinal)
                && command.Contains("qemu-nbd\0", StringComparison.Ordinal) && !command.Contains("-c\0", StringComparison.Ordinal))
            .Select(process => int.Parse(process.Name, CultureInfo.InvariantCulture))];

    /// <summary>Expects that no process and no folder of ours is left there.</summary>
    public async Task HoldsNothingAsync()
    {
        await Deadline.UntilAsync(() => Task.FromResult(Servers().Count == 0 && Folders().Count == 0), "nothing left on the host", TimeSpan.FromSeconds(30));
        Assert.Empty(Servers());
    }

    public ValueTask DisposeAsync() => Sshd.DisposeAsync();

    private static List<string> Folders() => [.. Directory.EnumerateDirectories("/tmp", "ovd-*").Where(folder => HostFolder().IsMatch(Path.GetFileName(folder)))];

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

    /// <summary>The host's qemu-nbd: the real one, slowed down by its own throttle while a test wants that.</summary>
    private void WriteServer()
    {
        var script = $$$"""
            #!/bin/bash
            if [ ! -e '{{{SlowMark}}}' ] || [ "$1" = --help ]; then exec /usr/bin/qemu-nbd "$@"; fi
            image=${@: -1}
            exec /usr/bin/qemu-nbd --object throttle-group,id=slow,x-bps-total={{{SlowBytesPerSecond}}} "${@:1:$#-1}" "json:{\"driver\":\"throttle\",\"throttle-group\":\"slow\",\"file\":${image#json:}}"

            """;
        var file = Path.Combine(Sshd.ProgramDirectory, "qemu-nbd");
        File.WriteAllText(file, script);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [GeneratedRegex("^ovd-[0-9a-f]{24}$")]
    private static partial Regex HostFolder();
}
