// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>What a qemu-nbd serves, in the words of its options.</summary>
internal sealed record NbdServerSpec(string File, VolumeFormat Format, bool Writable, bool LayerOnly, bool DeallocateZeroes, string? Bitmap);

/// <summary>One qemu-nbd, started with the options vdsm uses. Disposing ends it cleanly, so that data and bitmaps are in the file afterwards.</summary>
internal sealed class NbdServer : IAsyncDisposable
{
    /// <summary>A clean end writes bitmaps and metadata; with much dirty data on a slow disk that takes a while.</summary>
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(30);

    private readonly ChildProcess _process;
    private readonly TimeProvider _timeProvider;

    private NbdServer(ChildProcess process, string socketPath, TimeProvider timeProvider)
    {
        _process = process;
        SocketPath = socketPath;
        _timeProvider = timeProvider;
    }

    public string SocketPath { get; }

    public static async Task<NbdServer> StartAsync(
        DiskStorageOptions options, NbdServerSpec spec, string socketPath, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        File.Delete(socketPath);
        var process = ChildProcess.Start(options.QemuNbd, Arguments(options, spec, socketPath), readOutput: false);
        try
        {
            (await SocketFile.ConnectAsync(socketPath, process, timeProvider, cancellationToken)).Dispose();
            return new NbdServer(process, socketPath, timeProvider);
        }
        catch (Exception e)
        {
            await process.DisposeAsync();
            File.Delete(socketPath);
            throw e is StorageException && process.ErrorText.Contains("lock", StringComparison.Ordinal)
                ? new StorageException(StorageFailure.Busy, $"{spec.File} is in use: {process.ErrorText}")
                : e;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _ = await _process.StopAsync(StopGrace, _timeProvider);
        await _process.DisposeAsync();
        File.Delete(SocketPath);
    }

    public static string Description(string file, VolumeFormat format, bool layerOnly)
    {
        var image = new JsonObject
        {
            ["driver"] = QemuImg.FormatName(format),
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = file },
        };
        if (layerOnly && format == VolumeFormat.Cow)
        {
            image["backing"] = null;
        }

        return "json:" + image.ToJsonString();
    }

    private static List<string> Arguments(DiskStorageOptions options, NbdServerSpec spec, string socketPath)
    {
        // Page cache instead of vdsm's direct I/O: a simulator's directory may be on a file system without it.
        var arguments = new List<string>
        {
            "--persistent",
            "--shared=" + QemuImg.Number(options.ExportClients),
            "--socket=" + socketPath,
            "--export-name=",
            "--cache=writeback",
            "--aio=threads",
        };
        if (spec.Writable)
        {
            arguments.AddRange(["--discard=unmap", "--detect-zeroes=" + (spec.DeallocateZeroes ? "unmap" : "on")]);
        }
        else
        {
            arguments.Add("--read-only");
        }

        if (spec.Format == VolumeFormat.Cow)
        {
            arguments.Add("--allocation-depth");
        }

        if (spec.Bitmap is not null)
        {
            arguments.Add("--bitmap=" + spec.Bitmap);
        }

        arguments.Add(Description(spec.File, spec.Format, spec.LayerOnly));
        return arguments;
    }
}
