// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using OvirtDistributed.Lab.Guests;
using OvirtDistributed.Lab.Processes;
using OvirtDistributed.Simulator.Engine.Devices;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Ssh;
using OvirtDistributed.Worker.Transports.Ssh;

namespace OvirtDistributed.EndToEnd.Hosts;

/// <summary>
/// A host with block storage, as a VM that qemu boots: a LUN under /dev/mapper as multipath makes it, a volume group on it, the volumes of a disk in it, all of
/// them inactive, and an OpenSSH server. As on an oVirt host LVM is told to look at none of it.
/// </summary>
internal sealed class BlockHost : IAsyncDisposable
{
    /// <summary>Size of each logical volume in bytes.</summary>
    public const long VolumeBytes = 32 << 20;

    /// <summary>Configuration with which LVM finds the group.</summary>
    public const string Luns = "devices { filter = [ \"a|^/dev/mapper/|\", \"r|.*|\" ] }";

    private const string NoDevices = "devices { filter = [ \"r|.*|\" ] }";

    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);

    private readonly TemporaryDirectory _directory = new();
    private readonly GuestMachine _machine;
    private string _lun = "";

    private BlockHost() => _machine = new GuestMachine(Guid.NewGuid(), _directory.Path);

    public string Group { get; } = Guid.NewGuid().ToString();

    public string Lower { get; } = Guid.NewGuid().ToString();

    public string Upper { get; } = Guid.NewGuid().ToString();

    public HostAccess Access { get; private set; } = null!;

    /// <summary>Boots it and waits until it lets in.</summary>
    /// <param name="lower">Raw content of the lower volume.</param>
    /// <param name="upper">A qcow2 file, the content of the upper volume.</param>
    public static async Task<BlockHost> StartAsync(string lower, string upper)
    {
        var host = new BlockHost();
        try
        {
            await host.BootAsync(lower, upper);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>The volumes that are active there now.</summary>
    public async Task<IReadOnlyList<string>> ActiveAsync() =>
        (await RunAsync($"ls /dev/{Group} 2>/dev/null || true")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs a command there.</summary>
    public Task<string> RunAsync(string command) => ChildProcess.RunAsync(
        "ssh",
        ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", $"UserKnownHostsFile={File("known_hosts")}", "-i", File("user"), "-p", $"{Access.Ssh.Port}", "root@127.0.0.1", $"PATH=$PATH:/usr/sbin; {command}"],
        environment: null,
        CancellationToken.None).WithinDeadline(TimeSpan.FromMinutes(1));

    public async ValueTask DisposeAsync()
    {
        await _machine.DisposeAsync();
        if (_lun.Length > 0)
        {
            _ = await ChildProcess.RunAsync("losetup", ["--detach", _lun], environment: null, CancellationToken.None).WithinDeadline();
        }

        _directory.Dispose();
    }

    private string File(string name) => _directory.File(name);

    private async Task BootAsync(string lower, string upper)
    {
        var port = FreePorts.Take();
        foreach (var key in new[] { "user", "host" })
        {
            _ = await ChildProcess.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", File(key)], environment: null, CancellationToken.None).WithinDeadline();
        }

        var pinned = string.Join(' ', (await System.IO.File.ReadAllTextAsync(File("host.pub"))).Split(' ').Take(2));
        var known = $"[127.0.0.1]:{port} {pinned}\n[node-1]:{port} {pinned}\n";
        await System.IO.File.WriteAllTextAsync(File("known_hosts"), known);
        var ssh = new SshAccess
        {
            Name = "node-1",
            Address = "127.0.0.1",
            Port = port,
            User = "root",
            PrivateKey = await System.IO.File.ReadAllTextAsync(File("user")),
            KnownHosts = known,
        };
        Access = new HostAccess(ssh, Sudo: false);
        await PlugLunAsync();
        await _machine.StartAsync(StartScript(lower, upper, port), [lower, upper, File("host"), File("user.pub")], [port], CancellationToken.None).WithinDeadline(BootLimit);
        try
        {
            await Deadline.UntilAsync(() => LetsInAsync(port), "the host lets in", BootLimit);
        }
        catch (TimeoutException late)
        {
            throw new InvalidOperationException($"The host does not let in; its console says:{Environment.NewLine}{_machine.Tail()}", late);
        }
    }

    private async Task PlugLunAsync()
    {
        var file = File("lun");
        await using (var lun = System.IO.File.Create(file))
        {
            lun.SetLength((4 * VolumeBytes) + (16 << 20));
        }

        _lun = (await ChildProcess.RunAsync("losetup", ["--find", "--show", file], environment: null, CancellationToken.None).WithinDeadline()).Trim();
        var id = Guid.NewGuid();
        await _machine.PlugAsync(new GuestDisk(id, id.ToString("D"), "", _lun, ReadOnly: false), CancellationToken.None).WithinDeadline();
    }

    private string StartScript(string lower, string upper, int port) =>
        $"""
        set -e
        mkdir -p /etc/lvm /run/sshd
        echo '{NoDevices}' > /etc/lvm/lvm.conf
        ours='{Luns}'
        dmsetup create 36001405ovd --table "0 $(cat /sys/block/sda/size) linear /dev/sda 0"
        pvcreate -qq --config "$ours" /dev/mapper/36001405ovd
        vgcreate -qq --config "$ours" {Group} /dev/mapper/36001405ovd
        lvcreate -qq --config "$ours" -y -Wn -L {VolumeBytes}b -n {Lower} {Group}
        lvcreate -qq --config "$ours" -y -Wn -L {2 * VolumeBytes}b -n {Upper} {Group}
        dd if={lower} of=/dev/{Group}/{Lower} bs=1M
        dd if={upper} of=/dev/{Group}/{Upper} bs=1M
        sync
        vgchange -qq --config "$ours" -an {Group}
        chmod 600 {File("host")}
        exec /usr/sbin/sshd -D -e -f /dev/null -p {port} -h {File("host")} -o AuthorizedKeysFile={File("user.pub")} -o StrictModes=no

        """;

    private async Task<bool> LetsInAsync(int port)
    {
        if (_machine.HasExited)
        {
            throw new InvalidOperationException($"The host's VM ended; its console says:{Environment.NewLine}{_machine.Tail()}");
        }

        // qemu accepts for the guest, before anybody listens there.
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", port);
            return await client.GetStream().ReadAsync(new byte[4]).AsTask().WithinDeadline() > 0;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }
}
