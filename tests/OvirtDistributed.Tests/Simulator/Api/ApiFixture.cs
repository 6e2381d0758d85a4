// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Storage;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

/// <summary>A simulator over fake storage and daemons, and a plain HTTP client that trusts its CA.</summary>
internal sealed class ApiFixture : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly SimulatorHost _host;

    private ApiFixture(SimulatorHost host, FakeStorage storage, List<FakeDaemon> daemons, SimulatorOptions options)
    {
        _host = host;
        Storage = storage;
        Daemons = daemons;
        Options = options;
        Client = NewClient();
        Client.DefaultRequestHeaders.Authorization = Basic(options.User, options.Password);
        Client.DefaultRequestHeaders.Accept.ParseAdd("application/json");
    }

    public SimulatorEngine Engine => _host.Engine;

    public string CaPem => _host.CaPem;

    public Uri ApiUrl => _host.ApiUrl;

    public FakeStorage Storage { get; }

    /// <summary>Those of the hosts in their order, then the proxy's.</summary>
    public List<FakeDaemon> Daemons { get; }

    public SimulatorOptions Options { get; }

    /// <summary>Logs in by basic authentication and asks for JSON.</summary>
    public HttpClient Client { get; }

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<ApiFixture> StartAsync(SimulatorModel? model = null, Func<SimulatorOptions, SimulatorOptions>? change = null)
    {
        var options = new SimulatorOptions
        {
            Pace = Pace.Fast with { First = TimeSpan.FromMilliseconds(5), Longest = TimeSpan.FromMilliseconds(5), TransferPoll = TimeSpan.FromMilliseconds(10), AutoFinishIdle = TimeSpan.FromSeconds(1) },
        };
        options = change?.Invoke(options) ?? options;
        var storage = new FakeStorage();
        var daemons = new List<FakeDaemon>();
        var parts = new SimulatorParts(
            (_, _, _) => Task.FromResult<IDiskStorage>(storage),
            (_, _) =>
            {
                var daemon = new FakeDaemon();
                daemons.Add(daemon);
                return Task.FromResult<IImageIoDaemon>(daemon);
            });
        var host = await SimulatorHost.StartAsync(options, model ?? SimulatorModel.Small, parts, Token).WaitAsync(Deadline, Token);
        return new ApiFixture(host, storage, daemons, options);
    }

    /// <summary>A client that trusts the simulator's CA and sends nothing by itself.</summary>
    public HttpClient NewClient()
    {
        var ca = X509Certificate2.CreateFromPem(CaPem);
        // Ownership of the handler goes to the client.
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            SslOptions =
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { ca },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        };
        return new HttpClient(handler) { BaseAddress = new Uri($"{ApiUrl}/"), Timeout = Deadline };
    }

    public static AuthenticationHeaderValue Basic(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    public async Task<JsonNode> GetAsync(string path)
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path);
        Assert.True(status == HttpStatusCode.OK, $"GET {path}: {status} {body}");
        return body!;
    }

    /// <summary>Sends JSON and returns the status and the body, null when it has none.</summary>
    public async Task<(HttpStatusCode Status, JsonNode? Body)> SendAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new StringContent(body as string ?? JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        }

        using var response = await Client.SendAsync(request, Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        return (response.StatusCode, response.Content.Headers.ContentType?.MediaType == "application/json" ? JsonNode.Parse(text) : null);
    }

    public Task<(HttpStatusCode Status, JsonNode? Body)> PostAsync(string path, object body) => SendAsync(HttpMethod.Post, path, body);

    /// <summary>Sends and expects success.</summary>
    public async Task<JsonNode> PostOkAsync(string path, object body)
    {
        var (status, reply) = await PostAsync(path, body);
        Assert.True((int)status is >= 200 and < 300, $"POST {path}: {status} {reply}");
        return reply!;
    }

    /// <summary>Changes and expects success.</summary>
    public async Task<JsonNode> PutOkAsync(string path, object body)
    {
        var (status, reply) = await SendAsync(HttpMethod.Put, path, body);
        Assert.True(status == HttpStatusCode.OK, $"PUT {path}: {status} {reply}");
        return reply!;
    }

    /// <summary>Id of the entity of that name in a collection.</summary>
    public async Task<string> IdAsync(string collection, string name) =>
        (await ListAsync(collection)).Single(item => item["name"]!.GetValue<string>() == name)["id"]!.GetValue<string>();

    /// <summary>Id of a host of the cluster.</summary>
    public async Task<string> HostOfAsync(string cluster)
    {
        var id = await IdAsync("clusters", cluster);
        return (await ListAsync("hosts")).First(host => host["cluster"]!["id"]!.GetValue<string>() == id)["id"]!.GetValue<string>();
    }

    private async Task<IEnumerable<JsonNode>> ListAsync(string collection) => (await GetAsync(collection)).AsObject().Single().Value!.AsArray().OfType<JsonNode>();

    /// <summary>Sends and expects a fault whose detail contains <paramref name="text"/>.</summary>
    public async Task AssertFaultAsync(HttpMethod method, string path, object? body, HttpStatusCode expected, string text)
    {
        var (status, reply) = await SendAsync(method, path, body);
        Assert.True(status == expected, $"{method} {path}: {status} {reply}");
        Assert.Contains(text, reply!["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    public async Task<XElement> GetXmlAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("application/xml");
        using var response = await Client.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return XElement.Parse(await response.Content.ReadAsStringAsync(Token));
    }

    /// <summary>Polls until the entity's field has the value; 404 counts as "gone".</summary>
    public async Task<JsonNode?> WaitAsync(string path, string field, string value)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Token);
        deadline.CancelAfter(Deadline);
        var last = "nothing";
        try
        {
            while (true)
            {
                var (status, body) = await SendAsync(HttpMethod.Get, path);
                last = status == HttpStatusCode.NotFound ? "gone" : body?[field]?.GetValue<string>() ?? "absent";
                if (last == value)
                {
                    return body;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, deadline.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{path}: {field} is '{last}', expected '{value}'.");
            throw;
        }
    }

    /// <summary>Id of the VM of that name.</summary>
    public async Task<Guid> VmAsync(string name) => (await Engine.VmsAsync(Token)).Single(v => v.Name == name).Id;

    /// <summary>Ids of the VM's disks, in their order.</summary>
    public async Task<IReadOnlyList<Guid>> DisksOfAsync(string vm) => (await Engine.VmsAsync(Token)).Single(v => v.Name == vm).DiskIds;

    /// <summary>Asserts that nothing is left on the engine.</summary>
    public async Task AssertCleanAsync() => Assert.Empty((await Engine.LeftoversAsync(Token)).All);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _host.DisposeAsync();
    }
}
