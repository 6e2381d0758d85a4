// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.Json;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>This program started again in a hidden mode: one JSON request a line in, one JSON answer a line out. It ends when its input ends.</summary>
internal sealed class LineProcess : IAsyncDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    private LineProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public static LineProcess Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return new LineProcess(Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} could not be started again."));
    }

    public async Task<TReply> AskAsync<TRequest, TReply>(TRequest request, CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(request).AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
        var line = await _process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new InvalidOperationException($"Process {Id} ({string.Join(' ', _process.StartInfo.ArgumentList)}) ended without an answer.");
        return JsonSerializer.Deserialize<TReply>(line)!;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var limit = new CancellationTokenSource(StopLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    /// <summary>The other side: answers every line of the input until it ends.</summary>
    public static async Task ServeAsync<TRequest, TReply>(Func<TRequest, Task<TReply>> answer)
    {
        // Interrupts from the terminal reach the whole group; the parent decides when this process ends.
        Console.CancelKeyPress += (_, interrupt) => interrupt.Cancel = true;
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var reply = await answer(JsonSerializer.Deserialize<TRequest>(line)!);
            Console.Out.WriteLine(JsonSerializer.Serialize(reply));
        }
    }
}
