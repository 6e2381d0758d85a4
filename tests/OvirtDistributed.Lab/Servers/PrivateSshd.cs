// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net.Sockets;
using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Servers;

/// <summary>
/// An OpenSSH server of the lab's own, which plays a host: loopback only, own port and keys. It lets in the user that runs the lab. What it runs finds
/// <see cref="ProgramDirectory"/> before the system's programs.
/// </summary>
public sealed class PrivateSshd : IAsyncDisposable
{
    private const string Server = "/usr/sbin/sshd";
    private const string SeparationDirectory = "/run/sshd";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    private readonly string _directory;
    private readonly SshdAccount? _account;
    private ChildProcess? _process;

    private PrivateSshd(string directory, SshdAccount? account, string address)
    {
        _directory = directory;
        _account = account;
        Address = address;
        ProgramDirectory = Path.Combine(directory, "bin");
    }

    /// <summary>Where it listens.</summary>
    public string Address { get; }

    public int Port { get; } = FreePorts.Take();

    /// <summary>Who may come in.</summary>
    public string User => _account?.Name ?? Environment.UserName;

    /// <summary>The private key that lets in.</summary>
    public string KeyFile => Path.Combine(_directory, "user_key");

    /// <summary>What the server shows, as a known_hosts file.</summary>
    public string KnownHostsFile => Path.Combine(_directory, "known_hosts");

    public string ProgramDirectory { get; }

    /// <param name="directory">The server's own.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="account">Who may come in by password instead; nobody else is known there then but root. Takes root.</param>
    /// <param name="address">Loopback address to listen on.</param>
    public static async Task<PrivateSshd> StartAsync(string directory, CancellationToken cancellationToken, SshdAccount? account = null, string address = "127.0.0.1")
    {
        if (!File.Exists(Server))
        {
            throw new InvalidOperationException("The OpenSSH server is not installed: apt-get install openssh-server (or run make setup).");
        }

        Directory.CreateDirectory(directory);
        if (Environment.UserName == "root")
        {
            Directory.CreateDirectory(SeparationDirectory);
        }

        var server = new PrivateSshd(directory, account, address);
        Directory.CreateDirectory(server.ProgramDirectory);
        await NewKeyAsync(server.KeyFile, cancellationToken);
        await NewKeyAsync(server.HostKeyFile, cancellationToken);
        await server.PinAsync(server.KnownHostsFile, server.HostKeyFile, cancellationToken);
        await server.RunAsync(cancellationToken);
        return server;
    }

    /// <summary>Writes a known_hosts file with a key that is not the server's.</summary>
    public async Task<string> WriteWrongKnownHostsAsync(CancellationToken cancellationToken)
    {
        var (key, file) = (Path.Combine(_directory, "other_key"), Path.Combine(_directory, "wrong_known_hosts"));
        await NewKeyAsync(key, cancellationToken);
        await PinAsync(file, key, cancellationToken);
        return file;
    }

    /// <summary>Ends the server and every connection to it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.KillAsync();
            await process.DisposeAsync();
        }
    }

    private string HostKeyFile => Path.Combine(_directory, "host_key");

    private static Task NewKeyAsync(string file, CancellationToken cancellationToken) =>
        ChildProcess.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", file], null, cancellationToken);

    private async Task PinAsync(string file, string hostKey, CancellationToken cancellationToken)
    {
        var key = (await File.ReadAllTextAsync($"{hostKey}.pub", cancellationToken)).Split(' ');
        await File.WriteAllTextAsync(file, $"[{Address}]:{Port.ToString(CultureInfo.InvariantCulture)} {key[0]} {key[1]}\n", cancellationToken);
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var configuration = Path.Combine(_directory, "sshd_config");
        string[] lines =
        [
            $"Port {Port}", $"ListenAddress {Address}", $"HostKey {HostKeyFile}", $"AuthorizedKeysFile {KeyFile}.pub", $"PidFile {Path.Combine(_directory, "pid")}", "UsePAM no",
            "StrictModes no", "PermitRootLogin prohibit-password", $"PasswordAuthentication {(_account is null ? "no" : "yes")}", $"SetEnv PATH={ProgramDirectory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ];
        await File.WriteAllLinesAsync(configuration, lines, cancellationToken);
        string[] command = [Server, "-D", "-e", "-f", configuration];
        if (_account is { } account)
        {
            command = await account.CommandAsync(_directory, command, cancellationToken);
        }

        _process = ChildProcess.Start("sshd", command[0], command[1..], new Dictionary<string, string?>(StringComparer.Ordinal), Path.Combine(_directory, "sshd.out"));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartLimit);
        while (!await AcceptsAsync(limit.Token))
        {
            if (_process.HasExited)
            {
                throw new InvalidOperationException($"The private OpenSSH server in {_directory} ended at once:{Environment.NewLine}{_process.Tail()}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
        }
    }

    private async Task<bool> AcceptsAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(Address, Port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
