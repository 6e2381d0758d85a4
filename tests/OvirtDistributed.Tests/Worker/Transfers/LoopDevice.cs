// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>A file as a block device, linked as udev links a virtual disk.</summary>
internal sealed class LoopDevice : IAsyncDisposable
{
    private LoopDevice(string file, string path)
    {
        File = file;
        Path = path;
    }

    public string File { get; }

    public string Path { get; }

    public static async Task<LoopDevice> StartAsync(string file, string deviceDirectory, string linkName)
    {
        var path = (await RunAsync("--find", "--show", file)).Trim();
        Directory.CreateDirectory(deviceDirectory);
        System.IO.File.CreateSymbolicLink(System.IO.Path.Combine(deviceDirectory, linkName), path);
        return new LoopDevice(file, path);
    }

    public async ValueTask DisposeAsync() => _ = await RunAsync("--detach", Path);

    private static async Task<string> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("losetup", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WithinDeadline();
        Assert.True(process.ExitCode == 0, $"losetup {string.Join(' ', arguments)}: {await error}");
        return await output;
    }
}
