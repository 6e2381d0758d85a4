// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Runtime.CompilerServices;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Format;

/// <summary>Runs the second implementation of the format, which knows the product's document and none of its code.</summary>
internal static class IndependentReader
{
    // Debian's interpreter, which is the one its packages install modules for; OVD_PYTHON names another that has them.
    private static readonly string Interpreter = Environment.GetEnvironmentVariable("OVD_PYTHON") ?? "/usr/bin/python3";

    /// <summary>Its standard output.</summary>
    public static async Task<string> RunAsync(params string[] arguments)
    {
        var (status, output, error) = await TryRunAsync(arguments);
        Assert.True(status == 0, $"The independent reader ended with {status}: {error}");
        return output;
    }

    public static async Task<(int Status, string Output, string Error)> TryRunAsync(params string[] arguments)
    {
        Assert.True(
            File.Exists(Interpreter),
            $"{Interpreter} is missing: run 'make setup', or apt-get install python3 python3-cryptography python3-zstandard.");
        var start = new ProcessStartInfo(Interpreter, ["-B", Path.Combine(SourceFolder(), "independent_reader"), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WithinDeadline();
        return (process.ExitCode, await output.WithinDeadline(), await error.WithinDeadline());
    }

    private static string SourceFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
