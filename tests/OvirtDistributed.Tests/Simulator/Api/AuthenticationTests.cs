// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using OvirtDistributed.Simulator;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

public sealed class AuthenticationTests
{
    private static readonly Dictionary<string, string> Good = new(StringComparer.Ordinal)
    {
        ["grant_type"] = "password",
        ["scope"] = "ovirt-app-api",
        ["username"] = "admin@internal",
        ["password"] = "password",
    };

    [Fact]
    public async Task PasswordGrant_GivesATokenThatWorksUntilLogout()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        using var client = api.NewClient();
        var token = (await TokenAsync(client, Good))["access_token"]!.GetValue<string>();
        Assert.Equal(HttpStatusCode.OK, await GetAsync(client, new AuthenticationHeaderValue("Bearer", token)));
        using var logout = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal) { ["scope"] = "ovirt-app-api", ["token"] = token });
        using var response = await client.PostAsync("/ovirt-engine/services/sso-logout", logout, ApiFixture.Token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(client, new AuthenticationHeaderValue("Bearer", token)));
    }

    [Theory]
    [InlineData("password", "wrong", "access_denied")]
    [InlineData("scope", "other", "invalid_scope")]
    [InlineData("grant_type", "magic", "unsupported_grant_type")]
    public async Task WrongGrant_IsRefusedWithTheEnginesCode(string field, string value, string code)
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        using var client = api.NewClient();
        var reply = await TokenAsync(client, new Dictionary<string, string>(Good, StringComparer.Ordinal) { [field] = value });
        Assert.Equal(code, reply["error_code"]!.GetValue<string>());
        Assert.NotNull(reply["error"]);
    }

    [Fact]
    public async Task RequestWithoutOrWithWrongCredentials_Gets401()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        using var client = api.NewClient();
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(client, null));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(client, ApiFixture.Basic("admin@internal", "no")));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(client, new AuthenticationHeaderValue("Bearer", "invented")));
    }

    [Fact]
    public async Task PersistentSession_LastsWhileThePreferenceIsSent()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        using var client = api.NewClient();
        using var login = new HttpRequestMessage(HttpMethod.Get, "vms");
        login.Headers.Authorization = ApiFixture.Basic("admin@internal", "password");
        login.Headers.Add("Prefer", "persistent-auth");
        using var response = await client.SendAsync(login, ApiFixture.Token);
        var cookie = response.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        Assert.StartsWith("JSESSIONID=", cookie, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await CookieAsync(client, cookie, persistent: true));
        Assert.Equal(HttpStatusCode.OK, await CookieAsync(client, cookie, persistent: false));
        Assert.Equal(HttpStatusCode.Unauthorized, await CookieAsync(client, cookie, persistent: true));
    }

    [Fact]
    public async Task CaIsServedWithoutLogin_AndSignsTheManagersCertificate()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        using var client = api.NewClient();
        var pem = await client.GetStringAsync("/ovirt-engine/services/pki-resource?resource=ca-certificate&format=X509-PEM-CA", ApiFixture.Token);
        Assert.Equal(api.CaPem, pem);
        using var ca = X509Certificate2.CreateFromPem(pem);
        Assert.True(ca.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
    }

    private static async Task<JsonNode> TokenAsync(HttpClient client, Dictionary<string, string> form)
    {
        using var content = new FormUrlEncodedContent(form);
        using var response = await client.PostAsync("/ovirt-engine/sso/oauth/token", content, ApiFixture.Token);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(ApiFixture.Token))!;
    }

    private static async Task<HttpStatusCode> GetAsync(HttpClient client, AuthenticationHeaderValue? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "vms");
        request.Headers.Authorization = authorization;
        using var response = await client.SendAsync(request, ApiFixture.Token);
        return response.StatusCode;
    }

    private static async Task<HttpStatusCode> CookieAsync(HttpClient client, string cookie, bool persistent)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "vms");
        request.Headers.Add("Cookie", cookie);
        if (persistent)
        {
            request.Headers.Add("Prefer", "persistent-auth");
        }

        using var response = await client.SendAsync(request, ApiFixture.Token);
        return response.StatusCode;
    }
}
