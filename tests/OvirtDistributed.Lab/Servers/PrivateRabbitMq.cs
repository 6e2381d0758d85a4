// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Servers;

/// <summary>
/// A RabbitMQ broker of the lab's own: loopback only, own node name, ports, data and Erlang port mapper.
/// May be killed and started again with its data.
/// </summary>
public sealed class PrivateRabbitMq : IAsyncDisposable
{
    private const string Script = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(90);

    private readonly string _directory;
    private readonly int _port = FreePorts.Take();
    private readonly int _distributionPort = FreePorts.Take();
    private readonly int _mapperPort = FreePorts.Take();
    private ChildProcess? _process;

    private PrivateRabbitMq(string directory)
    {
        _directory = directory;
    }

    /// <summary>Address with the broker's default user, which RabbitMQ admits from loopback only.</summary>
    public string Uri => $"amqp://guest:guest@127.0.0.1:{_port}/";

    public int Port => _port;

    public static async Task<PrivateRabbitMq> StartAsync(string directory, CancellationToken cancellationToken)
    {
        if (!File.Exists(Script))
        {
            throw new InvalidOperationException("RabbitMQ is not installed: apt-get install rabbitmq-server (or run make setup).");
        }

        var broker = new PrivateRabbitMq(directory);
        broker.WriteConfiguration();
        await broker.StartAgainAsync(cancellationToken);
        return broker;
    }

    /// <summary>Starts the broker, with what it had stored before.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        _process = ChildProcess.Start("rabbitmq", Script, [], Environment(), Path.Combine(_directory, "rabbitmq.out"));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartLimit);
        while (!await AcceptsAsync(limit.Token))
        {
            if (_process.HasExited)
            {
                throw new InvalidOperationException($"The private RabbitMQ in {_directory} ended at once:{System.Environment.NewLine}{_process.Tail()}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, limit.Token);
        }
    }

    /// <summary>Ends the broker as a power cut would.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.KillAsync();
            await process.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.StopAsync();
            await process.DisposeAsync();
        }

        await StopPortMapperAsync();
    }

    /// <summary>The Erlang port mapper detaches itself from the broker; it is asked to end through its own tool.</summary>
    private async Task StopPortMapperAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await ChildProcess.RunAsync("epmd", ["-port", $"{_mapperPort}", "-kill"], Environment(), limit.Token);
        }
        catch (Exception failure) when (failure is InvalidOperationException or System.ComponentModel.Win32Exception or OperationCanceledException)
        {
            // Not running, or not on the PATH: nothing of ours depends on it any more.
        }
    }

    /// <summary>True when the broker speaks AMQP: the port opens some time before it does.</summary>
    private async Task<bool> AcceptsAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", _port, cancellationToken);
            await client.GetStream().WriteAsync("AMQP\0\0\x09\x01"u8.ToArray(), cancellationToken);
            var reply = new byte[1];
            return await client.GetStream().ReadAsync(reply, cancellationToken) == 1 && reply[0] == 1;
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            return false;
        }
    }

    private void WriteConfiguration()
    {
        Directory.CreateDirectory(_directory);
        File.WriteAllText(Path.Combine(_directory, "enabled_plugins"), "[].\n");
        File.WriteAllText(
            Path.Combine(_directory, "rabbitmq.conf"),
            $"""
            listeners.tcp.1 = 127.0.0.1:{_port}
            log.console = true
            log.console.level = warning
            log.file = false
            disk_free_limit.absolute = 50MB
            vm_memory_high_watermark.absolute = 512MB

            """);
        var cookie = Path.Combine(_directory, ".erlang.cookie");
        if (!File.Exists(cookie))
        {
            File.WriteAllText(cookie, Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16)));
            File.SetUnixFileMode(cookie, UnixFileMode.UserRead);
        }
    }

    private Dictionary<string, string?> Environment() => new(StringComparer.Ordinal)
    {
        ["HOME"] = _directory,
        ["RABBITMQ_NODENAME"] = $"ovd{_port}@localhost",
        ["RABBITMQ_CONFIG_FILE"] = Path.Combine(_directory, "rabbitmq.conf"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(_directory, "enabled_plugins"),
        ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
        ["RABBITMQ_MNESIA_BASE"] = Path.Combine(_directory, "mnesia"),
        ["RABBITMQ_LOG_BASE"] = Path.Combine(_directory, "log"),
        ["RABBITMQ_DIST_PORT"] = $"{_distributionPort}",
        ["RABBITMQ_PID_FILE"] = Path.Combine(_directory, "rabbitmq.pid"),
        ["ERL_EPMD_PORT"] = $"{_mapperPort}",
        ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1}",
    };
}
