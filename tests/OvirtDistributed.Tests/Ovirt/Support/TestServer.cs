// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Tests.Ovirt.Support;

/// <summary>A real HTTPS server on a free loopback port; every request goes to one handler and is counted.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly X509Certificate2? _certificate;
    private int _connections;
    private int _open;

    private TestServer(WebApplication application, X509Certificate2? certificate)
    {
        _application = application;
        _certificate = certificate;
    }

    public int Port { get; private set; }

    /// <summary>TCP connections accepted so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>TCP connections open now.</summary>
    public int OpenConnections => Volatile.Read(ref _open);

    public ConcurrentQueue<string> Requests { get; } = [];

    public static async Task<TestServer> StartAsync(X509Certificate2? certificate, Func<HttpContext, Task> handler)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        TestServer? server = null;
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            options.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => async context =>
                {
                    Interlocked.Increment(ref server!._connections);
                    Interlocked.Increment(ref server._open);
                    try
                    {
                        await next(context);
                    }
                    finally
                    {
                        Interlocked.Decrement(ref server._open);
                    }
                });
                if (certificate is not null)
                {
                    listen.UseHttps(certificate);
                }
            });
        });
        if (certificate is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        var application = builder.Build();
        server = new TestServer(application, certificate);
        application.Run(context =>
        {
            server.Requests.Enqueue($"{context.Request.Method} {context.Request.Path}{context.Request.QueryString}");
            return handler(context);
        });
        await application.StartAsync(CancellationToken.None);
        server.Port = new Uri(application.Urls.First()).Port;
        return server;
    }

    public int Count(string request) => Requests.Count(item => item == request);

    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5), TimeProvider.System);
        await _application.StopAsync(deadline.Token);
        await _application.DisposeAsync();
        _certificate?.Dispose();
    }
}
