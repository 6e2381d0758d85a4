// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace OvirtDistributed.Simulator.ImageIo.Backends;

/// <summary>An image on another daemon: what the proxy on the manager serves. One HTTP/1.1 connection to the host.</summary>
internal sealed class HttpImageBackend : IImageBackend
{
    private readonly HttpClient _client;
    private readonly Uri _url;

    private HttpImageBackend(HttpClient client, Uri url, long sizeBytes)
    {
        _client = client;
        _url = url;
        SizeBytes = sizeBytes;
    }

    public long SizeBytes { get; }

    public int MaxReaders { get; private init; } = 1;

    public int MaxWriters { get; private init; } = 1;

    public static async Task<IImageBackend> OpenAsync(ImageTicket ticket, string? caPem, CancellationToken cancellationToken)
    {
        var url = new Uri(ticket.Url);
        var client = NewClient(caPem);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, url);
            using var reply = await client.SendAsync(request, cancellationToken);
            await RefuseUnlessOkAsync(reply, cancellationToken);
            var options = await reply.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            return new HttpImageBackend(client, url, ticket.Size)
            {
                MaxReaders = CountOf(options, "max_readers"),
                MaxWriters = CountOf(options, "max_writers"),
            };
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    // A daemon of version 1 does not say.
    private static int CountOf(JsonElement options, string name) => options.TryGetProperty(name, out var count) ? count.GetInt32() : 1;

    public async Task ReadAsync(long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _url);
        request.Headers.Range = new RangeHeaderValue(offsetBytes, offsetBytes + destination.Length - 1);
        using var reply = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await RefuseUnlessOkAsync(reply, cancellationToken);
        await using var body = await reply.Content.ReadAsStreamAsync(cancellationToken);
        await body.ReadExactlyAsync(destination, cancellationToken);
    }

    public async Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        using var content = new ReadOnlyMemoryContent(data);
        content.Headers.ContentRange = new ContentRangeHeaderValue(offsetBytes, offsetBytes + data.Length - 1);
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(_url + "?flush=n")) { Content = content };
        using var reply = await _client.SendAsync(request, cancellationToken);
        await RefuseUnlessOkAsync(reply, cancellationToken);
    }

    public Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken) =>
        PatchAsync($$"""{"op":"zero","offset":{{offsetBytes}},"size":{{lengthBytes}},"flush":false}""", cancellationToken);

    public Task FlushAsync(CancellationToken cancellationToken) => PatchAsync("""{"op":"flush"}""", cancellationToken);

    public async IAsyncEnumerable<ImageExtent> ExtentsAsync(bool dirty, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"{_url}/extents?context={(dirty ? "dirty" : "zero")}"));
        using var reply = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await RefuseUnlessOkAsync(reply, cancellationToken);
        await using var body = await reply.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var extent in JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(body, cancellationToken: cancellationToken))
        {
            yield return new ImageExtent(
                extent.GetProperty("start").GetInt64(), extent.GetProperty("length").GetInt64(), Flag(extent, "zero"), Flag(extent, "hole"), Flag(extent, "dirty"));
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private static bool Flag(JsonElement extent, string name) => extent.TryGetProperty(name, out var value) && value.GetBoolean();

    private async Task PatchAsync(string json, CancellationToken cancellationToken)
    {
        using var content = new StringContent(json);
        using var request = new HttpRequestMessage(HttpMethod.Patch, _url) { Content = content };
        using var reply = await _client.SendAsync(request, cancellationToken);
        await RefuseUnlessOkAsync(reply, cancellationToken);
    }

    private static async Task RefuseUnlessOkAsync(HttpResponseMessage reply, CancellationToken cancellationToken)
    {
        if (!reply.IsSuccessStatusCode)
        {
            var text = (await reply.Content.ReadAsStringAsync(cancellationToken)).TrimEnd('\n');
            throw new ImageIoRefusal((int)reply.StatusCode, text, close: reply.StatusCode == HttpStatusCode.Forbidden);
        }
    }

    private static HttpClient NewClient(string? caPem)
    {
        var roots = new X509Certificate2Collection();
        if (caPem is not null)
        {
            roots.ImportFromPem(caPem);
        }

        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        var handler = new SocketsHttpHandler
        {
            MaxConnectionsPerServer = 1,
            UseProxy = false,
            UseCookies = false,
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy },
        };
#pragma warning disable RS0030 // The one client of this backend, with its own handler and trust.
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, DefaultRequestVersion = HttpVersion.Version11 };
#pragma warning restore RS0030
    }
}
