// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

/// <summary>Stands between the product and a server, and spoils requests that are counted out: each fault happens as often as it was asked for, or the test fails.</summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly HttpClient _server;
    private readonly WebApplication _application;
    private readonly Lock _gate = new();
    private readonly List<Fault> _faults = [];

    private FaultProxy(Uri server, WebApplication application)
    {
        _application = application;
        _server = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = server };
    }

    public string Endpoint { get; private set; } = "";

    /// <param name="server">Where requests go.</param>
    /// <param name="certificate">Of this side; null for plain http.</param>
    public static async Task<FaultProxy> StartAsync(string server, X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        var application = builder.Build();
        var proxy = new FaultProxy(new Uri(server), application);
        application.Run(proxy.HandleAsync);
        await application.StartAsync(TestContext.Current.CancellationToken).WithinDeadline();
        proxy.Endpoint = application.Urls.Single();
        return proxy;
    }

    /// <summary>Spoils the next requests of a method whose path contains a text.</summary>
    public void Spoil(HttpMethod method, string path, FaultKind kind, int times = 1, int after = 0)
    {
        lock (_gate)
        {
            _faults.Add(new Fault(method.Method, path, kind) { Left = times, Skip = after });
        }
    }

    /// <summary>From a request on, nothing comes through any more: the process behind this proxy is dead for the server.</summary>
    public void DieAt(HttpMethod method, string path, int after, bool carriedOut) =>
        Spoil(method, path, carriedOut ? FaultKind.DieAfter : FaultKind.DieBefore, 1, after);

    /// <summary>Whether the request to die at has come.</summary>
    public bool IsDead { get; private set; }

    public void Revive() => IsDead = false;

    public void Die() => IsDead = true;

    public void AssertAllHappened()
    {
        lock (_gate)
        {
            Assert.All(_faults, fault => Assert.Equal(0, fault.Left));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _server.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var kind = IsDead ? FaultKind.Refused : Take(context.Request);
        IsDead |= kind == FaultKind.DieBefore;
        switch (kind)
        {
            case FaultKind.Refused or FaultKind.DieBefore:
                context.Abort();
                return;
            case FaultKind.ServerError:
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return;
        }

        using var request = Copy(context.Request);
        using var answer = await _server.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        if (kind is FaultKind.LostAnswer or FaultKind.DieAfter)
        {
            IsDead |= kind == FaultKind.DieAfter;
            context.Abort();
            return;
        }

        await AnswerAsync(context, answer, kind == FaultKind.BrokenBody);
    }

    private FaultKind? Take(HttpRequest request)
    {
        lock (_gate)
        {
            var fault = _faults.FirstOrDefault(fault => fault.Left > 0 && fault.Method == request.Method
                && (request.Path.Value + request.QueryString.Value).Contains(fault.Path, StringComparison.Ordinal));
            if (fault is null || fault.Skip-- > 0)
            {
                return null;
            }

            fault.Left--;
            return fault.Kind;
        }
    }

    // The target byte for byte, and the host name it was signed with.
    private HttpRequestMessage Copy(HttpRequest request)
    {
        var target = request.HttpContext.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var address = new Uri(_server.BaseAddress!.GetLeftPart(UriPartial.Authority) + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var copy = new HttpRequestMessage(new HttpMethod(request.Method), address);
        if (request.ContentLength is not null)
        {
            copy.Content = new StreamContent(request.Body);
        }

        foreach (var (name, values) in request.Headers)
        {
            if (!copy.Headers.TryAddWithoutValidation(name, values.ToArray()))
            {
                copy.Content?.Headers.TryAddWithoutValidation(name, values.ToArray());
            }
        }

        copy.Headers.Host = request.Host.Value;
        return copy;
    }

    private static async Task AnswerAsync(HttpContext context, HttpResponseMessage answer, bool breakOff)
    {
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in ((IEnumerable<KeyValuePair<string, IEnumerable<string>>>)answer.Headers).Concat(answer.Content.Headers))
        {
            context.Response.Headers[name] = values.ToArray();
        }

        context.Response.Headers.Remove("Transfer-Encoding");
        if (context.Request.Method == "HEAD" || answer.StatusCode == HttpStatusCode.NoContent)
        {
            return;
        }

        if (!breakOff)
        {
            await answer.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
            return;
        }

        var body = await answer.Content.ReadAsByteArrayAsync(context.RequestAborted);
        await context.Response.Body.WriteAsync(body.AsMemory(0, body.Length / 2), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        context.Abort();
    }

    private sealed record Fault(string Method, string Path, FaultKind Kind)
    {
        public int Left { get; set; }

        public int Skip { get; set; }
    }
}

internal enum FaultKind
{
    /// <summary>The connection is closed before the server sees the request.</summary>
    Refused,

    /// <summary>503, and the server does not see the request.</summary>
    ServerError,

    /// <summary>The server carries the request out, the client does not hear of it.</summary>
    LostAnswer,

    /// <summary>The answer ends in the middle of its body.</summary>
    BrokenBody,

    DieBefore,

    DieAfter,
}
