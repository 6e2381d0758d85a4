// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Lab.Sites;

namespace OvirtDistributed.Lab.Demo;

/// <summary>Runs <c>ovd</c> on this terminal, as an operator would, and shows the command first.</summary>
internal sealed class OperatorShell(LabSite site, TextWriter output)
{
    public IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["OVD_SERVER"] = site.Server.GrpcAddress.GetLeftPart(UriPartial.Authority),
        ["OVD_TLS_CERT"] = site.AdminTls.CertificateFile!,
        ["OVD_TLS_KEY"] = site.AdminTls.KeyFile!,
        ["OVD_TLS_CA"] = site.AdminTls.CaFile!,
    };

    /// <summary>Path of the program, next to the lab's own.</summary>
    public static string Program => Path.Combine(AppContext.BaseDirectory, "ovd");

    /// <exception cref="InvalidOperationException">The command ended with another code than 0.</exception>
    public async Task RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        await output.WriteLineAsync($"$ ovd {string.Join(' ', arguments)}");
        await output.FlushAsync(cancellationToken);
        var start = new ProcessStartInfo(Program) { UseShellExecute = false };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{Program} could not be started.");
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }

        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"ovd {string.Join(' ', arguments)} ended with {process.ExitCode}.");
        }
    }
}
