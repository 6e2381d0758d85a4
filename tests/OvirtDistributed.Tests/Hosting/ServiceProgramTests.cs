// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using OvirtDistributed.DataMover;
using OvirtDistributed.Hosting.Configuration;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker;
using Xunit;

namespace OvirtDistributed.Tests.Hosting;

/// <summary>What services answer to a command line, and how they end when they cannot start.</summary>
public sealed class ServiceProgramTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StringWriter _output = new(CultureInfo.InvariantCulture);
    private readonly StringWriter _error = new(CultureInfo.InvariantCulture);

    public void Dispose()
    {
        _directory.Dispose();
        _output.Dispose();
        _error.Dispose();
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public async Task Help_IsTheUsageAndNoError(string option)
    {
        Assert.Equal(0, await RunAsync(_ => throw new InvalidOperationException("not built"), option));
        Assert.Equal($"how to use it{Environment.NewLine}", _output.ToString());
        Assert.Equal("", _error.ToString());
    }

    [Fact]
    public async Task UnknownCommand_IsRefusedWithTheKnownOnesAndNothingStarts()
    {
        Assert.Equal(ServiceProgram.Unusable, await RunAsync(_ => throw new InvalidOperationException("not built"), "accept-clok", "--path", "/tmp"));
        Assert.Contains("'accept-clok' is no command of ovd-some. Its commands: accept-clock;", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PortIsTaken_IsSaidInOneLine()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = $"127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}";

        var code = await RunAsync(DataMoverHost.Build, $"--DataMover:Repositories:main:Path={_directory.Path}", $"--Listen:Grpc={address}", "--Logging:Console:Disabled=true");

        Assert.Equal(ServiceProgram.Failed, code);
        Assert.Contains(address, Assert.Single(Lines()), StringComparison.Ordinal);
        Assert.Contains("set Listen:Grpc", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Started_SaysInOneLineWhereItListens()
    {
        var building = new TaskCompletionSource<WebApplication>(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = RunAsync(
            arguments =>
            {
                var application = DataMoverHost.Build(arguments);
                building.SetResult(application);
                return application;
            },
            $"--DataMover:Repositories:main:Path={_directory.Path}",
            "--Logging:Console:Disabled=true");
        var built = await building.Task.WithinDeadline();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = built.Lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WithinDeadline();
        var (grpc, http) = (built.GrpcAddress(), built.HttpAddress());
        built.Lifetime.StopApplication();

        Assert.Equal(0, await running);
        Assert.Equal($"ovd-some listening on {grpc} (gRPC) and {http} (health and metrics){Environment.NewLine}", _output.ToString());
    }

    [Theory]
    [InlineData(null, "127.0.0.1:7444")]
    [InlineData("--Listen:Grpc=127.0.0.1:9", "127.0.0.1:9")]
    public void NothingConfigured_PortsAreTheDocumentedOnes(string? argument, string expected)
    {
        var builder = WebApplication.CreateBuilder(argument is null ? [] : [argument]);

        DefaultPorts.DataMover.ApplyTo(builder);

        Assert.Equal(expected, builder.Configuration["Listen:Grpc"]);
        Assert.Equal("127.0.0.1:8444", builder.Configuration["Listen:Http"]);
    }

    [Fact]
    public async Task ClusterThatIsNoId_IsNamedWithWhereToFindIt()
    {
        var code = await RunAsync(arguments => WorkerHost.Build(arguments), "--Worker:ClusterId=ClusterA", "--Worker:Server=https://server:7443");

        Assert.Equal(ServiceProgram.Unusable, code);
        var line = Assert.Single(Lines());
        Assert.Contains("Worker:ClusterId 'ClusterA' cannot be used", line, StringComparison.Ordinal);
        Assert.Contains("ovd manager inventory", line, StringComparison.Ordinal);
    }

    private string[] Lines() => _error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    private Task<int> RunAsync(Func<string[], WebApplication> build, params string[] arguments) =>
        new ServiceProgram("ovd-some", "how to use it", ["accept-clock"]).RunAsync(arguments, build, _output, _error).WithinDeadline();
}
