// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net.Sockets;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Nbd;

/// <summary>Images made by qemu-img and qemu-io, served by qemu-nbd.</summary>
internal sealed class NbdSite : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<Process> _servers = [];

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public string Directory => _directory.Path;

    public string File(string name) => _directory.File(name);

    /// <summary>Creates a qcow2 image.</summary>
    public async Task<string> CreateAsync(string name, string size, string? backing = null)
    {
        var file = File(name);
        string[] below = backing is null ? [] : ["-b", backing, "-F", "qcow2"];
        await RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", .. below, file, size]);
        return file;
    }

    /// <summary>Runs qemu-io commands on a qcow2 image.</summary>
    public static Task IoAsync(string file, params string[] commands) =>
        RunAsync("qemu-io", ["-f", "qcow2", .. commands.SelectMany(command => new[] { "-c", command }), file]);

    /// <summary>Serves an image; answers the socket.</summary>
    public async Task<string> ServeAsync(string file, params string[] arguments)
    {
        var socket = File($"nbd{_servers.Count}");
        string[] all = ["--persistent", "--shared=4", "--export-name=", $"--socket={socket}", "-f", "qcow2", .. arguments, file];
        _servers.Add(Process.Start(new ProcessStartInfo("qemu-nbd", all) { UseShellExecute = false })!);

        // The socket is there before somebody listens.
        await Deadline.UntilAsync(
            async () =>
            {
                try
                {
                    using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await probe.ConnectAsync(new UnixDomainSocketEndPoint(socket), Token);
                    return await probe.ReceiveAsync(new byte[1], Token) == 1;
                }
                catch (SocketException)
                {
                    return false;
                }
            },
            "qemu-nbd answers",
            TimeSpan.FromSeconds(20));
        return socket;
    }

    public void KillServers() => _servers.ForEach(server => server.Kill());

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            server.Kill();
            await server.WaitForExitAsync(CancellationToken.None).WithinDeadline();
            server.Dispose();
        }

        _directory.Dispose();
    }

    public static async Task RunAsync(string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEndAsync(Token);
        var error = process.StandardError.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token).WithinDeadline();
        Assert.True(process.ExitCode == 0, $"{program}: {await error}{await output}");
    }
}
