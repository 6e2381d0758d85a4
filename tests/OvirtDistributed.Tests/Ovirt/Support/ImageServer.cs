// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Ovirt.Support;

/// <summary>An ImageIO daemon over one image in memory, with faults that happen exactly when told.</summary>
internal sealed class ImageServer : IAsyncDisposable
{
    public const string Host = "host1.example";
    private const string Path = "/images/5c9f0e9a-ticket";

    private readonly TestCertificates _certificates = new("Engine CA");
    private TestServer _server = null!;
    private int _active;

    private ImageServer(byte[] image)
    {
        Image = image;
    }

    public byte[] Image { get; }

    public int Port => _server.Port;

    public string CaPem => _certificates.AuthorityPem;

    public int Connections => _server.Connections;

    public int OpenConnections => _server.OpenConnections;

    public ConcurrentQueue<string> Requests => _server.Requests;

    /// <summary>Most image requests that were answered at the same time.</summary>
    public int MostActive { get; private set; }

    /// <summary>What the next requests of a method (GET, PUT, PATCH, OPTIONS) or of "extents" do instead of their work.</summary>
    public ConcurrentDictionary<string, ConcurrentQueue<ImageFault>> Faults { get; } = new(StringComparer.Ordinal);

    public string Options { get; set; } = """{"features":["checksum","extents","flush","zero"],"max_readers":8,"max_writers":8}""";

    public int OptionsStatus { get; set; } = 200;

    public string Extents { get; set; } = "[]";

    public bool TicketRevoked { get; set; }

    public static async Task<ImageServer> StartAsync(byte[] image, string certificateName = Host)
    {
        var server = new ImageServer(image);
        server._server = await TestServer.StartAsync(server._certificates.Issue(loopback: false, certificateName), server.HandleAsync);
        return server;
    }

    public ImageServer Fault(string what, params ImageFault[] faults)
    {
        Faults[what] = new ConcurrentQueue<ImageFault>(faults);
        return this;
    }

    public bool FaultsUsed => Faults.Values.All(queue => queue.IsEmpty);

    public TransferUrl Url(string host = Host) => TransferUrl.Parse($"https://{host}:{Port}{Path}");

    public ImageTarget Target(ImageAccess access = ImageAccess.Read) => new()
    {
        Url = Url(),
        Access = access,
        HostCaPem = CaPem,
        HostAddresses = new Dictionary<string, string> { [Host] = "127.0.0.1", ["proxy.example"] = "127.0.0.1" },
    };

    public Task<ImageIoClient> ConnectAsync(ImageAccess access = ImageAccess.Read, ImageIoOptions? options = null, TimeProvider? time = null) =>
        ImageIoClient.ConnectAsync(
            Target(access),
            options ?? new ImageIoOptions { ResumeDelay = TimeSpan.Zero },
            time ?? TimeProvider.System,
            NullLogger<ImageIoClient>.Instance,
            CancellationToken.None);

    public int Count(string start) => Requests.Count(request => request.StartsWith(start, StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _certificates.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var what = context.Request.Path.Value!.EndsWith("/extents", StringComparison.Ordinal) ? "extents" : context.Request.Method;
        if (TicketRevoked)
        {
            await RefuseAsync(context, 403, "You are not allowed to access this resource: Transfer=5c9f0e9a-0000-4000-8000-000000000001 was canceled");
            return;
        }

        ImageFault? fault = null;
        Faults.TryGetValue(what, out var queue);
        if (queue?.TryDequeue(out fault) == true && fault.Before)
        {
            await fault.HappenAsync(context);
            return;
        }

        var active = Interlocked.Increment(ref _active);
        MostActive = Math.Max(MostActive, active);
        try
        {
            await WorkAsync(context, fault);
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }

    private Task WorkAsync(HttpContext context, ImageFault? fault)
    {
        var path = context.Request.Path.Value!;
        return (context.Request.Method, path[Path.Length..]) switch
        {
            ("OPTIONS", "") => RefuseAsync(context, OptionsStatus, Options),
            ("GET", "/extents") => ExtentsAsync(context, fault),
            ("GET", "/checksum") => RefuseAsync(context, 200, """{"algorithm":"sha256","block_size":4194304,"checksum":"00ff"}"""),
            ("GET", "") => ReadAsync(context, fault),
            ("PUT", "") => WriteAsync(context),
            ("PATCH", "") => PatchAsync(context),
            _ => RefuseAsync(context, 404, $"No handler for '{path}'"),
        };
    }

    private async Task ExtentsAsync(HttpContext context, ImageFault? fault)
    {
        var body = Encoding.UTF8.GetBytes(Extents);
        context.Response.ContentLength = body.Length;
        await SendAsync(context, body, fault);
    }

    private async Task ReadAsync(HttpContext context, ImageFault? fault)
    {
        var text = context.Request.Headers.Range.ToString();
        var (first, last) = text.StartsWith("bytes=", StringComparison.Ordinal) && text.Split('=', '-') is [_, var a, var b]
            ? (long.Parse(a, CultureInfo.InvariantCulture), long.Parse(b, CultureInfo.InvariantCulture))
            : (0, Image.Length - 1);
        if (last >= Image.Length)
        {
            context.Response.Headers.ContentRange = $"bytes */{Image.Length}";
            await RefuseAsync(context, 416, "Requested range out of allowed range");
            return;
        }

        context.Response.StatusCode = 206;
        context.Response.Headers.ContentRange = fault?.ContentRange ?? $"bytes {first}-{last}/{Image.Length}";
        context.Response.ContentLength = last - first + 1;
        await SendAsync(context, Image.AsMemory((int)first, (int)(last - first + 1)), fault);
    }

    private static async Task SendAsync(HttpContext context, ReadOnlyMemory<byte> body, ImageFault? fault)
    {
        if (fault?.AfterBytes is { } cut)
        {
            await context.Response.Body.WriteAsync(body[..cut], context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await fault.HappenAsync(context);
            return;
        }

        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private async Task WriteAsync(HttpContext context)
    {
        if (context.Request.ContentLength is not { } length || context.Request.Headers.TransferEncoding.Count > 0 || context.Request.Headers.Expect.Count > 0)
        {
            await RefuseAsync(context, 400, "Content-Length header is required");
            return;
        }

        var offset = long.Parse(context.Request.Headers.ContentRange.ToString().Split(' ', '-')[1], CultureInfo.InvariantCulture);
        var body = new byte[length];
        await context.Request.Body.ReadExactlyAsync(body, context.RequestAborted);
        body.CopyTo(Image, offset);
    }

    private async Task PatchAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        if (body.RootElement.GetProperty("op").GetString() == "zero")
        {
            Image.AsSpan((int)body.RootElement.GetProperty("offset").GetInt64(), (int)body.RootElement.GetProperty("size").GetInt64()).Clear();
        }
    }

    private static async Task RefuseAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        if (status == 403)
        {
            context.Response.Headers.Connection = "close";
        }

        if (status != 204)
        {
            await context.Response.WriteAsync(text, context.RequestAborted);
        }
    }
}

/// <summary>One fault: instead of the work, or after so many bytes of its answer.</summary>
internal sealed record ImageFault
{
    /// <summary>Happens before any work.</summary>
    public bool Before { get; init; } = true;

    /// <summary>Happens after this much of the body.</summary>
    public int? AfterBytes { get; init; }

    /// <summary>Answer with this status; 0 drops the connection, -1 never answers.</summary>
    public int Status { get; init; }

    /// <summary>Wait for this before it happens: an abort may overtake the bytes sent before it.</summary>
    public Task Gate { get; init; } = Task.CompletedTask;

    /// <summary>Lie about the range.</summary>
    public string? ContentRange { get; init; }

    public static ImageFault Drop { get; } = new();

    public static ImageFault Hang { get; } = new() { Status = -1 };

    public static ImageFault DropAfter(int bytes) => new() { Before = false, AfterBytes = bytes };

    public static ImageFault HangAfter(int bytes) => new() { Before = false, AfterBytes = bytes, Status = -1 };

    public static ImageFault Answer(int status) => new() { Status = status };

    public static ImageFault WrongRange(string range) => new() { Before = false, ContentRange = range };

    public async Task HappenAsync(HttpContext context)
    {
        await Gate.WaitAsync(context.RequestAborted);
        switch (Status)
        {
            case 0:
                context.Abort();
                break;
            case -1:
                await context.WaitForClientToCloseAsync();
                break;
            default:
                context.Response.StatusCode = Status;
                await context.Response.WriteAsync("Server failed to perform the request, check logs\n", context.RequestAborted);
                break;
        }
    }
}
