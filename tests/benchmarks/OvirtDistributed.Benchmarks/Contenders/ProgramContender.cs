// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Processes;

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>A rival: a program that runs once for each step.</summary>
internal abstract class ProgramContender(string program) : IContender
{
    public string Name => program;

    public abstract bool IsIncremental { get; }

    public string StoreDirectory { get; private set; } = string.Empty;

    protected Dictionary<string, string?> Settings { get; } = new(StringComparer.Ordinal);

    public async Task PrepareAsync(string directory, CancellationToken cancellationToken)
    {
        StoreDirectory = Path.Combine(directory, "store");
        await InitializeAsync(Directory.CreateDirectory(directory).FullName, cancellationToken);
    }

    public abstract Task<TimeSpan> BackUpAsync(TestImage image, CancellationToken cancellationToken);

    public abstract Task BackUpSecondDiskAsync(TestImage image, CancellationToken cancellationToken);

    public abstract Task<TimeSpan> RestoreAsync(string file, long sizeBytes, CancellationToken cancellationToken);

    public Task EndRoundAsync() => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    protected abstract Task InitializeAsync(string directory, CancellationToken cancellationToken);

    /// <summary>Runs the program in a directory; returns how long it took.</summary>
    protected async Task<TimeSpan> RunAsync(string workingDirectory, string[] arguments, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await RunToEndAsync(workingDirectory, arguments, cancellationToken);
        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>The same for a restore: the file must be on the disk too.</summary>
    protected async Task<TimeSpan> RunAndFlushAsync(string workingDirectory, string[] arguments, string file, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await RunToEndAsync(workingDirectory, arguments, cancellationToken);
        using (var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(handle);
        }

        return Stopwatch.GetElapsedTime(started);
    }

    private async Task RunToEndAsync(string workingDirectory, string[] arguments, CancellationToken cancellationToken)
    {
        // Paths in the stores must be the same for every state of the disk, so the program runs where the image is.
        _ = await Tools.RunAsync("env", ["-C", workingDirectory, Tools.Path(program), .. arguments], Settings, cancellationToken);
    }
}
