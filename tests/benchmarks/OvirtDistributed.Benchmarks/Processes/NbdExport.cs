// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>An image served by qemu-nbd on a unix socket, as a host serves a disk to ImageIO.</summary>
internal sealed class NbdExport : IAsyncDisposable
{
    private const string Name = "disk";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly ChildProcess _process;
    private readonly string _socket;

    private NbdExport(ChildProcess process, string socket)
    {
        _process = process;
        _socket = socket;
    }

    public string Url => $"nbd:unix:{_socket}:exportname={Name}";

    public int ProcessId => _process.Id;

    /// <param name="file">The image.</param>
    /// <param name="format">Its format: raw or qcow2.</param>
    /// <param name="bitmap">A bitmap to serve with it; null for none.</param>
    /// <param name="writable">False serves it for reading.</param>
    /// <param name="directory">Where socket and log are put.</param>
    /// <param name="cancellationToken">Ends the wait for the socket.</param>
    public static async Task<NbdExport> OpenAsync(
        string file, string format, string? bitmap, bool writable, string directory, CancellationToken cancellationToken)
    {
        var socket = Path.Combine(directory, $"{Guid.NewGuid():N}.sock");
        List<string> arguments = ["--persistent", "--shared=8", $"--format={format}", $"--socket={socket}", $"--export-name={Name}"];
        if (bitmap is not null)
        {
            arguments.Add($"--bitmap={bitmap}");
        }

        if (!writable)
        {
            arguments.Add("--read-only");
        }

        arguments.Add(file);
        var process = ChildProcess.Start(
            "qemu-nbd", Tools.Path("qemu-nbd"), arguments, new Dictionary<string, string?>(StringComparer.Ordinal), Path.Combine(directory, "qemu-nbd.log"));
        var export = new NbdExport(process, socket);
        try
        {
            await export.WaitAsync(cancellationToken);
            return export;
        }
        catch
        {
            await export.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        File.Delete(_socket);
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        while (!File.Exists(_socket))
        {
            if (_process.HasExited)
            {
                throw new InvalidOperationException($"qemu-nbd ended: {_process.Tail()}");
            }

            await Task.Delay(Pause, TimeProvider.System, limit.Token);
        }
    }
}
