// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

/// <summary>The real executable as a process of its own, that can be killed.</summary>
internal sealed class MoverProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TlsIdentity _identity;
    private readonly List<GrpcChannel> _channels = [];
    private readonly string _address;

    private MoverProcess(Process process, TlsIdentity identity, string address)
    {
        _process = process;
        _identity = identity;
        _address = address;
    }

    public static async Task<MoverProcess> StartAsync(TemporaryDirectory directory)
    {
        var certificates = TestCertificates.Write(directory.File("tls"));
        var port = FreePort();
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet")
        {
            WorkingDirectory = directory.Path,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "ovd-datamover.dll"));
        foreach (var (name, value) in MoverSite.SettingsOf(directory, certificates))
        {
            start.ArgumentList.Add($"--{name}={value}");
        }

        start.ArgumentList.Add($"--Listen:Grpc=127.0.0.1:{port}");
        start.ArgumentList.Add("--Listen:Http=127.0.0.1:0");
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) => TestContext.Current.SendDiagnosticMessage(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var mover = new MoverProcess(process, TlsIdentity.Load(certificates.Options)!, $"https://127.0.0.1:{port}");
        await Deadline.UntilAsync(mover.AnswersAsync, "the Data Mover answers");
        return mover;
    }

    public GrpcChannel NewChannel()
    {
        var channel = GrpcChannels.Create(_address, _identity);
        _channels.Add(channel);
        return channel;
    }

    /// <summary>Kills it as kill -9 does.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None).WithinDeadline();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }

        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
        _identity.Dispose();
    }

    private async Task<bool> AnswersAsync()
    {
        Assert.False(_process.HasExited, "The Data Mover ended at its start.");
        using var channel = GrpcChannels.Create(_address, _identity);
        try
        {
            var client = new MoverControlService.MoverControlServiceClient(channel);
            await client.GetStatusAsync(new GetStatusRequest(), cancellationToken: TestContext.Current.CancellationToken);
            return true;
        }
        catch (RpcException failure) when (failure.StatusCode is StatusCode.Unavailable or StatusCode.Internal)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
