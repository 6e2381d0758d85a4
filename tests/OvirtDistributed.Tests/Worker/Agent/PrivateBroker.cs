// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Agent;

/// <summary>A RabbitMQ of the test's own on loopback, with its own node name, ports, directories and port mapper.</summary>
internal sealed class PrivateBroker : IAsyncDisposable
{
    private const string Script = "/usr/lib/rabbitmq/bin/rabbitmq-server";

    private readonly TemporaryDirectory _directory;
    private readonly Process _process;
    private readonly int _port;

    private PrivateBroker(TemporaryDirectory directory, Process process, int port)
    {
        _directory = directory;
        _process = process;
        _port = port;
    }

    public static bool IsInstalled => File.Exists(Script);

    public Uri Address => new($"amqp://guest:guest@127.0.0.1:{_port}/");

    public static async Task<PrivateBroker> StartAsync()
    {
        var directory = new TemporaryDirectory();
        var port = FreePort();
        await File.WriteAllTextAsync(directory.File("rabbitmq.conf"), $"listeners.tcp.1 = 127.0.0.1:{port}\ndisk_free_limit.absolute = 50MB\n");
        await File.WriteAllTextAsync(directory.File("enabled_plugins"), "[].\n");
        var start = new ProcessStartInfo(Script) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["HOME"] = directory.Path,
            ["RABBITMQ_NODENAME"] = $"ovd-test-{port}@localhost",
            ["RABBITMQ_CONFIG_FILE"] = directory.File("rabbitmq.conf"),
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = directory.File("enabled_plugins"),
            ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
            ["RABBITMQ_MNESIA_BASE"] = directory.File("mnesia"),
            ["RABBITMQ_LOG_BASE"] = directory.File("log"),
            ["RABBITMQ_DIST_PORT"] = $"{FreePort()}",
            ["RABBITMQ_PID_FILE"] = directory.File("pid"),
            ["ERL_EPMD_PORT"] = $"{FreePort()}",
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        })
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var broker = new PrivateBroker(directory, process, port);
        await Deadline.UntilAsync(broker.AcceptsAsync, "the broker speaks AMQP", TimeSpan.FromSeconds(120));
        return broker;
    }

    public async ValueTask DisposeAsync()
    {
        // The script, the virtual machine and its port mapper: all below the process that was started here.
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync().WithinDeadline();
        _process.Dispose();
        _directory.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task<bool> AcceptsAsync()
    {
        Assert.False(_process.HasExited, "the broker ended at once");
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, _port);
            await client.GetStream().WriteAsync("AMQP\0\0\x09\x01"u8.ToArray());
            return await client.GetStream().ReadAsync(new byte[1]) == 1;
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            return false;
        }
    }
}
