// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Repository.S3;

/// <summary>
/// A Ceph cluster of the tests' own: one monitor, one OSD that keeps everything in memory, one RADOS gateway. On loopback, with all files in its own
/// directory; its processes are ended by their ids.
/// </summary>
internal sealed class PrivateCeph : IAsyncDisposable
{
    public const string AccessKey = "test-access";
    public const string SecretKey = "test-secret";

    private const string Packages = "ceph-mon ceph-osd radosgw";

    private static readonly string[] Programs =
        ["ceph", "ceph-authtool", "monmaptool", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin"];

    private readonly TemporaryDirectory _directory = new();
    private readonly Stack<(Process Process, Task Output)> _servers = new();

    private PrivateCeph()
    {
    }

    public string Endpoint { get; private set; } = "";

    private string Configuration => _directory.File("ceph.conf");

    private string Keyring => _directory.File("keyring");

    /// <summary>Starts the cluster; about ten seconds.</summary>
    public static async Task<PrivateCeph> StartAsync(CancellationToken cancellationToken)
    {
        var missing = Programs.Where(program => Find(program) is null).ToList();
        if (missing.Count > 0)
        {
            throw new InvalidOperationException(
                $"These tests need a Ceph RADOS gateway, and {string.Join(", ", missing)} cannot be found: apt-get install {Packages} (or run make setup).");
        }

        var ceph = new PrivateCeph();
        try
        {
            await ceph.StartServersAsync(cancellationToken);
            return ceph;
        }
        catch
        {
            await ceph.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_servers.TryPop(out var server))
        {
            if (!server.Process.HasExited)
            {
                server.Process.Kill(); // everything is in memory: there is nothing to end in order
            }

            await server.Process.WaitForExitAsync(CancellationToken.None).WithinDeadline();
            await server.Output.WithinDeadline();
            server.Process.Dispose();
        }

        _directory.Dispose();
    }

    /// <summary>Limits all buckets of the user, to see what a full storage does.</summary>
    public async Task SetQuotaAsync(long bytes, CancellationToken cancellationToken)
    {
        await CephAsync("radosgw-admin", ["-n", "client.admin", "quota", "set", "--quota-scope=user", "--uid=test", $"--max-size={bytes}"], cancellationToken);
        var verb = bytes > 0 ? "enable" : "disable";
        await CephAsync("radosgw-admin", ["-n", "client.admin", "quota", verb, "--quota-scope=user", "--uid=test"], cancellationToken);
    }

    private async Task StartServersAsync(CancellationToken cancellationToken)
    {
        var (monitorPort, gatewayPort) = (FreePort(), FreePort());
        var cluster = Guid.NewGuid();
        Endpoint = $"http://127.0.0.1:{gatewayPort}";
        foreach (var folder in new[] { "mon", "osd", "rgw", "run" })
        {
            Directory.CreateDirectory(_directory.File(folder));
        }

        await File.WriteAllTextAsync(Configuration, Settings(cluster, monitorPort, gatewayPort), cancellationToken);
        await MakeKeysAsync(cancellationToken);
        await RunAsync(
            "monmaptool", ["--create", "--fsid", cluster.ToString(), "--addv", "a", $"[v2:127.0.0.1:{monitorPort}]", _directory.File("monmap")], cancellationToken);
        await CephAsync("ceph-mon", ["--mkfs", "-i", "a", "--monmap", _directory.File("monmap"), "--keyring", Keyring], cancellationToken);
        StartServer("ceph-mon", "-i", "a");
        var osd = Guid.NewGuid().ToString();
        await CephAsync("ceph", ["--connect-timeout", "60", "osd", "new", osd], cancellationToken);
        await CephAsync("ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", osd], cancellationToken);
        StartServer("ceph-osd", "-i", "0");
        StartServer("radosgw", "-n", "client.rgw");
        await WaitForGatewayAsync(gatewayPort);
        string[] user = ["--uid", "test", "--display-name", "test", "--access-key", AccessKey, "--secret-key", SecretKey];
        await CephAsync("radosgw-admin", ["-n", "client.admin", "user", "create", .. user], cancellationToken);
    }

    private async Task MakeKeysAsync(CancellationToken cancellationToken)
    {
        await RunAsync("ceph-authtool", ["--create-keyring", Keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"], cancellationToken);
        foreach (var name in new[] { "client.admin", "client.rgw", "osd.0" })
        {
            await RunAsync(
                "ceph-authtool", [Keyring, "--gen-key", "-n", name, "--cap", "mon", "allow *", "--cap", "osd", "allow *"], cancellationToken);
        }
    }

    private async Task WaitForGatewayAsync(int port)
    {
        await Deadline.UntilAsync(
            async () =>
            {
                if (_servers.FirstOrDefault(server => server.Process.HasExited).Process is { } ended)
                {
                    throw new InvalidOperationException($"Ceph did not start: {ended.StartInfo.FileName} ended with {ended.ExitCode}.{Environment.NewLine}{Logs()}");
                }

                using var client = new TcpClient();
                try
                {
                    await client.ConnectAsync(IPAddress.Loopback, port);
                    return true;
                }
                catch (SocketException)
                {
                    return false;
                }
            },
            "the RADOS gateway listens");
    }

    private string Settings(Guid cluster, int monitorPort, int gatewayPort) =>
        $"""
        [global]
        fsid = {cluster}
        mon host = [v2:127.0.0.1:{monitorPort}]
        public addr = 127.0.0.1
        auth cluster required = cephx
        auth service required = cephx
        auth client required = cephx
        keyring = {Keyring}
        run dir = {_directory.File("run")}
        admin socket = {_directory.File("run")}/$name.asok
        log file = {_directory.Path}/$name.log
        osd pool default size = 1
        osd pool default min size = 1
        osd pool default pg num = 4
        osd pool default pgp num = 4
        mon allow pool size one = true
        mon max pg per osd = 2000
        osd crush chooseleaf type = 0
        osd objectstore = memstore
        memstore device bytes = 2147483648
        ms bind ipv6 = false
        [mon.a]
        mon data = {_directory.File("mon")}
        [osd.0]
        osd data = {_directory.File("osd")}
        [client.rgw]
        rgw data = {_directory.File("rgw")}
        rgw frontends = beast endpoint=127.0.0.1:{gatewayPort}

        """;

    private void StartServer(string program, params string[] arguments)
    {
        var process = Begin(program, ["-c", Configuration, .. arguments, "-f"]);
        _servers.Push((process, Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync())));
    }

    private Task CephAsync(string program, string[] arguments, CancellationToken cancellationToken) =>
        RunAsync(program, ["-c", Configuration, .. arguments], cancellationToken);

    private async Task RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using var process = Begin(program, arguments);
        var output = Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        await process.WaitForExitAsync(cancellationToken).WithinDeadline();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {string.Join(Environment.NewLine, await output)}{Environment.NewLine}{Logs()}");
        }

        await output;
    }

    private static Process Begin(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Find(program) ?? program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started.");
    }

    private string Logs() => string.Join(
        Environment.NewLine,
        Directory.EnumerateFiles(_directory.Path, "*.log").SelectMany(file => File.ReadLines(file).TakeLast(5).Prepend(Path.GetFileName(file))));

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Concat(["/usr/bin", "/usr/sbin"]).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
