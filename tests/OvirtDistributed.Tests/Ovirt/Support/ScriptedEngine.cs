// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Trust;

namespace OvirtDistributed.Tests.Ovirt.Support;

/// <summary>A manager whose answers the test writes down, with a real token endpoint.</summary>
/// <remarks>Answers of one path are used up in order; the last one stays.</remarks>
internal sealed class ScriptedEngine : IAsyncDisposable
{
    public const string Password = "s3cret&=+ü";

    private readonly ConcurrentDictionary<string, Script> _scripts = new(StringComparer.Ordinal);
    private readonly TestCertificates _certificates = new();
    private TestServer _server = null!;
    private volatile string _validToken = string.Empty;
    private int _logins;

    private ScriptedEngine()
    {
    }

    public int Port => _server.Port;

    public int Logins => Volatile.Read(ref _logins);

    public ConcurrentQueue<string> LoggedOut { get; } = [];

    public ConcurrentQueue<(string Request, string Body, string Correlation, string Language)> Calls { get; } = [];

    public string CaPem => _certificates.AuthorityPem;

    /// <summary>What the token endpoint answers instead of a token.</summary>
    public Answer? TokenAnswer { get; set; }

    /// <summary>Old engines wrap the token reply in an array.</summary>
    public bool TokenAsArray { get; set; }

    public static async Task<ScriptedEngine> StartAsync()
    {
        var engine = new ScriptedEngine();
        engine._server = await TestServer.StartAsync(engine._certificates.Issue(loopback: false, "localhost"), engine.HandleAsync);
        return engine;
    }

    /// <summary>Writes down the answers of a request below the API root, such as <c>GET vms/1</c>.</summary>
    public ScriptedEngine On(string request, params Answer[] answers)
    {
        _scripts[request] = new Script(answers);
        return this;
    }

    public ScriptedEngine On(string request, string json) => On(request, Answer.Json(json));

    public int Count(string request) => Calls.Count(call => call.Request == request);

    /// <summary>Ends all sessions, as a restart does.</summary>
    public void RevokeTokens() => _validToken = string.Empty;

    public EngineConnection Connection(EngineRetryOptions? retry = null) => new()
    {
        ApiUrl = new Uri($"https://localhost:{Port}/ovirt-engine/api"),
        User = "admin@internal",
        Password = new Secret(Password),
        Trust = TlsTrust.Pinned(CaPem),
        Retry = retry ?? new EngineRetryOptions { LockedLimit = TimeSpan.Zero, UnreachableLimit = TimeSpan.Zero },
        PageSize = 2,
    };

    public OvirtEngineClient Connect(TimeProvider? timeProvider = null, EngineRetryOptions? retry = null) =>
        new OvirtEngineClientFactory(timeProvider ?? TimeProvider.System, NullLoggerFactory.Instance).Create(Connection(retry));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _certificates.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        switch (path)
        {
            case "/ovirt-engine/sso/oauth/token":
                await LoginAsync(context);
                return;
            case "/ovirt-engine/services/sso-logout":
                var form = await context.Request.ReadFormAsync(context.RequestAborted);
                LoggedOut.Enqueue(form["token"].ToString());
                return;
            case "/ovirt-engine/services/pki-resource":
                await context.Response.WriteAsync(CaPem, context.RequestAborted);
                return;
        }

        await CallAsync(context, path);
    }

    private async Task LoginAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        Interlocked.Increment(ref _logins);
        if (TokenAnswer is { } given)
        {
            await given.WriteAsync(context);
            return;
        }

        if (form["grant_type"] != "password" || form["scope"] != "ovirt-app-api" || form["username"] != "admin@internal" || form["password"] != Password)
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsync("""{"error_code":"access_denied","error":"Cannot authenticate user 'admin@internal'."}""", context.RequestAborted);
            return;
        }

        _validToken = $"token-{Logins}";
        var reply = $$"""{"access_token":"{{_validToken}}","scope":"ovirt-app-api","exp":"9223372036854775807","token_type":"bearer"}""";
        await context.Response.WriteAsync(TokenAsArray ? $"[{reply}]" : reply, context.RequestAborted);
    }

    private async Task CallAsync(HttpContext context, string path)
    {
        if (_validToken.Length == 0 || context.Request.Headers.Authorization != $"Bearer {_validToken}")
        {
            context.Response.StatusCode = 401;
            await context.Response.WriteAsync("<html>Unauthorized</html>", context.RequestAborted);
            return;
        }

        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        var below = path["/ovirt-engine/api".Length..].TrimStart('/');
        var request = $"{context.Request.Method} {below}{context.Request.QueryString}";
        Calls.Enqueue((request, body, context.Request.Headers["Correlation-Id"].ToString(), context.Request.Headers.AcceptLanguage.ToString()));
        if (_scripts.TryGetValue(request, out var script))
        {
            await script.Next().WriteAsync(context);
            return;
        }

        context.Response.StatusCode = 404;
    }

    private sealed class Script(Answer[] answers)
    {
        private int _next;

        public Answer Next() => answers[Math.Min(Interlocked.Increment(ref _next) - 1, answers.Length - 1)];
    }
}
