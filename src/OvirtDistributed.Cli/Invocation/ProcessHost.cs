// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using System.Text;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>The <see cref="CliHost"/> of the real process, and its signals.</summary>
internal sealed class ProcessHost : IDisposable
{
    private readonly CancellationTokenSource _interrupted = new();
    private readonly PosixSignalRegistration[] _signals;

    public ProcessHost()
    {
        _signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(Register)];
        Host = new CliHost
        {
            Out = Console.Out,
            Error = Console.Error,
            // Console.In blocks its caller while it waits for a line; a reader of the stream can be given up.
            In = new StreamReader(Console.OpenStandardInput(), Console.InputEncoding),
            Environment = System.Environment.GetEnvironmentVariable,
            HomeDirectory = System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile),
            Time = TimeProvider.System,
            OutputIsTerminal = !Console.IsOutputRedirected,
            InputIsTerminal = !Console.IsInputRedirected,
            TerminalWidth = Width(),
            ReadSecretAsync = ReadSecretAsync,
        };
    }

    public CliHost Host { get; }

    /// <summary>Ends with the first Ctrl-C (or SIGTERM, SIGHUP). The second one ends the process the hard way.</summary>
    public CancellationToken Interrupted => _interrupted.Token;

    public void Dispose()
    {
        foreach (var signal in _signals)
        {
            signal.Dispose();
        }

        _interrupted.Dispose();
    }

    private PosixSignalRegistration Register(PosixSignal signal) => PosixSignalRegistration.Create(signal, context =>
    {
        if (!_interrupted.IsCancellationRequested)
        {
            context.Cancel = true;
            _interrupted.Cancel();
        }
    });

    private static int Width()
    {
        try
        {
            return Console.IsOutputRedirected || Console.WindowWidth <= 0 ? 120 : Console.WindowWidth;
        }
        catch (IOException)
        {
            return 120;
        }
    }

    private static async Task<string?> ReadSecretAsync(string prompt, CancellationToken cancellationToken)
    {
        await Console.Error.WriteAsync(prompt.AsMemory(), cancellationToken);
        var secret = new StringBuilder();
        while (true)
        {
            // Console has no cancellable read of a key: look first, so that Ctrl-C ends the prompt.
            while (!Console.KeyAvailable)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System, CancellationToken.None);
                if (cancellationToken.IsCancellationRequested)
                {
                    await Console.Error.WriteLineAsync();
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }

            var key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    await Console.Error.WriteLineAsync();
                    return secret.ToString();
                case ConsoleKey.Backspace when secret.Length > 0:
                    secret.Length--;
                    break;
                case ConsoleKey.D when key.Modifiers == ConsoleModifiers.Control && secret.Length == 0:
                    await Console.Error.WriteLineAsync();
                    return null;
                default:
                    if (!char.IsControl(key.KeyChar))
                    {
                        secret.Append(key.KeyChar);
                    }

                    break;
            }
        }
    }
}
