// SPDX-License-Identifier: Apache-2.0

using System.Net.Http.Headers;
using OvirtDistributed.Ovirt.Engine;

namespace OvirtDistributed.Ovirt.Auth;

/// <summary>The bearer token of one client: fetched on first use, shared by all calls, renewed once for all of them when it is refused.</summary>
internal sealed class OAuthSession(EngineConnection connection, HttpExchange exchange) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile Secret? _token;

    public async ValueTask<Secret> GetTokenAsync(CancellationToken cancellationToken) =>
        _token ?? await RenewAsync(refused: null, cancellationToken);

    /// <summary>A token other than <paramref name="refused"/>. Calls that were refused together share one new login.</summary>
    public async Task<Secret> RenewAsync(Secret? refused, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_token is { } current && !ReferenceEquals(current, refused))
            {
                return current;
            }

            _token = null;
            var token = await LoginAsync(cancellationToken);
            _token = token;
            return token;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends the session on the engine. Does nothing where none was begun.</summary>
    public async Task LogoutAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _token, null) is not { } token)
        {
            return;
        }

        using var request = Form("/services/sso-logout", new("scope", "ovirt-app-api"), new("token", token.Reveal()));
        await exchange.SendAsync(request, cancellationToken);
    }

    public void Dispose() => _gate.Dispose();

    private async Task<Secret> LoginAsync(CancellationToken cancellationToken)
    {
        using var request = Form(
            "/sso/oauth/token",
            new("grant_type", "password"),
            new("scope", "ovirt-app-api"),
            new("username", connection.User),
            new("password", connection.Password.Reveal()));
        var (status, body) = await exchange.SendAsync(request, cancellationToken);
        return TokenReply.Read(status, body);
    }

    private HttpRequestMessage Form(string path, params KeyValuePair<string, string>[] fields)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, connection.EngineRoot.AbsoluteUri + path)
        {
            Content = new FormUrlEncodedContent(fields),
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return request;
    }
}
