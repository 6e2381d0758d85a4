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
    private readonly TestSite _site;
    private readonly string _directory;
    private readonly ThrottledQemuNbd _server;

    private SshHost(TestSite site, string directory, PrivateSshd sshd)
    {
        _site = site;
        _directory = directory;
        Sshd = sshd;
        _server = new ThrottledQemuNbd(sshd.ProgramDirectory, Path.Combine(directory, "slow"));
    }

    public PrivateSshd Sshd { get; }

    private string StorageRoot => Path.Combine(_directory, "data-center");

    public static async Task<SshHost> StartAsync(TestSite site)
    {
        var directory = Path.Combine(site.Lab.DataDirectory, "ssh");
        var host = new SshHost(site, directory, await PrivateSshd.StartAsync(directory, CancellationToken.None).WithinDeadline());
        await site.Engine.ShowStorageAsync(host.StorageRoot, CancellationToken.None).WithinDeadline();
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
    public void SlowDown() => _server.SlowDown();

    public void SpeedUp() => _server.SpeedUp();

    /// <summary>Processes that serve disks of this site for us.</summary>
    public IReadOnlyList<int> Servers() => ThrottledQemuNbd.Running("--socket=/tmp/ovd-", StorageRoot);

    /// <summary>Expects that no process and no folder of ours is left there.</summary>
    public async Task HoldsNothingAsync()
    {
        await Deadline.UntilAsync(() => Task.FromResult(Servers().Count == 0 && Folders().Count == 0), "nothing left on the host", TimeSpan.FromSeconds(30));
        Assert.Empty(Servers());
    }

    public ValueTask DisposeAsync() => Sshd.DisposeAsync();

    private static List<string> Folders() => [.. Directory.EnumerateDirectories("/tmp", "ovd-*").Where(folder => HostFolder().IsMatch(Path.GetFileName(folder)))];

    [GeneratedRegex("^ovd-[0-9a-f]{24}$")]
    private static partial Regex HostFolder();
}
