// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Hosting.Telemetry;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>A backup server with the admin API alone: real listener, real HTTP/2, real error mapping, invented answers.</summary>
internal sealed class FakeBackupServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private FakeBackupServer(WebApplication application, FakeInstallation installation)
    {
        _application = application;
        Installation = installation;
        Address = application.GrpcAddress().ToString().TrimEnd('/');
    }

    public FakeInstallation Installation { get; }

    public string Address { get; }

    /// <param name="installation">What it answers.</param>
    /// <param name="port">A fixed port, to come back under the same address; 0 takes a free one.</param>
    /// <param name="tls">Its certificate; without it plain text.</param>
    public static async Task<FakeBackupServer> StartAsync(FakeInstallation? installation = null, int port = 0, TlsIdentity? tls = null)
    {
        installation ??= new FakeInstallation();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["Logging:Console:Disabled"] = "true";
        builder.AddServiceDefaults("fake-server");
        builder.ListenOn(new ServiceListenOptions { Grpc = $"127.0.0.1:{port}" }, tls);
        if (tls is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        builder.Services.AddSingleton(installation);
        var application = builder.Build();
        application.MapGrpcService<FakeManagerService>();
        application.MapGrpcService<FakeInfrastructureServices.Repositories>();
        application.MapGrpcService<FakeInfrastructureServices.Workers>();
        application.MapGrpcService<FakeJobService>();
        application.MapGrpcService<FakePointService>();
        application.MapGrpcService<FakeRetentionService>();
        await application.StartAsync().WithinDeadline();
        return new FakeBackupServer(application, installation);
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(1));
        try
        {
            await _application.StopAsync(now.Token).WithinDeadline();
        }
        catch (OperationCanceledException)
        {
            // Stops the hard way: watches that are open end with it.
        }

        await _application.DisposeAsync();
    }
}

/// <summary>What all fake services do with a call before answering it.</summary>
internal static class FakeCalls
{
    public static async Task<T> AnswerAsync<T>(this FakeInstallation installation, IMessage request, ServerCallContext context, Func<T> answer)
    {
        installation.Requests.Enqueue(request);
        if (context.RequestHeaders.GetValue("traceparent") is { } trace)
        {
            installation.TraceParents.Enqueue(trace);
        }

        if (installation.Hangs)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
        }

        if (installation.Failure is { } failure)
        {
            throw failure;
        }

        var result = answer();
        if (Interlocked.Decrement(ref installation.AnswersToLose) >= 0)
        {
            Interlocked.Increment(ref installation.AnswersLost);
            context.GetHttpContext().Abort();
        }

        return result;
    }
}
