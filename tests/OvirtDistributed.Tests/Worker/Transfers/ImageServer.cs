// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>A small ImageIO daemon over one image: just enough of the protocol, with hooks to fail or pause at an exact request.</summary>
internal sealed class ImageServer : IAsyncDisposable
{
    public const string Ticket = "9a1c6a52-secret-ticket";

    private readonly WebApplication _application;
    private int _connections;

    private ImageServer(WebApplication application, SparseImage image)
    {
        _application = application;
        Image = image;
    }

    public SparseImage Image { get; }

    public string Url { get; private set; } = string.Empty;

    /// <summary>Ranges read by clients, in the order asked.</summary>
    public ConcurrentQueue<(long Offset, long Length)> Reads { get; } = new();

    public ConcurrentQueue<(long Offset, long Length)> Writes { get; } = new();

    public ConcurrentQueue<(long Offset, long Length)> Zeroes { get; } = new();

    public int Flushes { get; private set; }

    public bool HasDirtyExtents { get; init; } = true;

    public IReadOnlyList<string> Algorithms { get; init; } = ["sha256"];

    /// <summary>Called before a request is answered; a status other than 0 is answered instead.</summary>
    public Func<HttpContext, int, Task<int>> Intercept { get; set; } = (_, _) => Task.FromResult(0);

    /// <summary>Changes what arrives: a disk that does not keep what was written.</summary>
    public Action<SparseImage, long>? AfterWrite { get; set; }

    public int OpenConnections => Volatile.Read(ref _connections);

    public static async Task<ImageServer> StartAsync(SparseImage image, Func<WebApplication, ImageServer>? make = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => async connection =>
                {
                    var server = connection.ConnectionId is null ? null : Current(listen.ApplicationServices);
                    server?.Opened(1);
                    try
                    {
                        await next(connection);
                    }
                    finally
                    {
                        server?.Opened(-1);
                    }
                });
            });
        });
        var holder = new Holder();
        builder.Services.AddSingleton(holder);
        var application = builder.Build();
        var server = holder.Server = make is null ? new ImageServer(application, image) : make(application);
        application.Run(server.HandleAsync);
        await application.StartAsync().WithinDeadline();
        var address = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        server.Url = $"{address}/images/{Ticket}";
        return server;
    }

    public static Task<ImageServer> StartWithoutDirtyExtentsAsync(SparseImage image) =>
        StartAsync(image, application => new ImageServer(application, image) { HasDirtyExtents = false });

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync().WithinDeadline();
        await _application.DisposeAsync();
    }

    private static ImageServer? Current(IServiceProvider services) => services.GetRequiredService<Holder>().Server;

    private void Opened(int by) => Interlocked.Add(ref _connections, by);

    private async Task HandleAsync(HttpContext context)
    {
        var count = context.Request.Method == HttpMethods.Get && !context.Request.Path.Value!.Contains("/extents", StringComparison.Ordinal) ? Reads.Count : Writes.Count;
        var status = await Intercept(context, count);
        if (status != 0)
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsync($"scripted {status}\n");
            return;
        }

        var path = context.Request.Path.Value!;
        await (context.Request.Method switch
        {
            "OPTIONS" => AnswerAsync(context, new
            {
                features = new[] { "extents", "checksum", "zero", "flush" },
                max_readers = 8,
                max_writers = 8,
            }),
            "GET" when path.EndsWith("/extents", StringComparison.Ordinal) => ExtentsAsync(context),
            "GET" when path.EndsWith("/checksum", StringComparison.Ordinal) => ChecksumAsync(context),
            "GET" => ReadAsync(context),
            "PUT" => WriteAsync(context),
            "PATCH" => PatchAsync(context),
            _ => throw new InvalidOperationException(context.Request.Method),
        });
    }

    private async Task ReadAsync(HttpContext context)
    {
        var range = context.Request.GetTypedHeaders().Range!.Ranges.Single();
        var (from, to) = (range.From!.Value, range.To!.Value);
        if (to >= Image.Size)
        {
            context.Response.StatusCode = 416;
            return;
        }

        if (to > 0)
        {
            Reads.Enqueue((from, to - from + 1));
        }

        var data = new byte[to - from + 1];
        Image.Read(from, data);
        context.Response.StatusCode = 206;
        context.Response.ContentLength = data.Length;
        context.Response.Headers.ContentRange = $"bytes {from}-{to}/{Image.Size}";
        await context.Response.Body.WriteAsync(data, context.RequestAborted);
    }

    private async Task ExtentsAsync(HttpContext context)
    {
        var changes = context.Request.Query["context"] == "dirty";
        if (changes && !HasDirtyExtents)
        {
            context.Response.StatusCode = 404;
            await context.Response.WriteAsync("Ticket does not support dirty extents\n");
            return;
        }

        var extents = Image.Extents(changes).Select(extent => changes
            ? (object)new { start = extent.Start, length = extent.Length, dirty = extent.Dirty, zero = extent.Zero }
            : new { start = extent.Start, length = extent.Length, zero = extent.Zero, hole = extent.Zero });
        await AnswerAsync(context, extents);
    }

    private async Task ChecksumAsync(HttpContext context)
    {
        var algorithm = context.Request.Query["algorithm"].ToString();
        var blockBytes = int.Parse(context.Request.Query["block_size"]!, CultureInfo.InvariantCulture);
        if (!Algorithms.Contains(algorithm))
        {
            context.Response.StatusCode = 400;
            return;
        }

        await AnswerAsync(context, new { algorithm, block_size = blockBytes, checksum = Image.Checksum(blockBytes) });
    }

    private async Task WriteAsync(HttpContext context)
    {
        var range = context.Request.Headers.ContentRange.ToString();
        var offset = long.Parse(range["bytes ".Length..range.IndexOf('-', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        Image.Write(offset, body.ToArray());
        Writes.Enqueue((offset, body.Length));
        AfterWrite?.Invoke(Image, offset);
    }

    private async Task PatchAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        if (body.RootElement.GetProperty("op").GetString() == "flush")
        {
            Flushes++;
            return;
        }

        var offset = body.RootElement.GetProperty("offset").GetInt64();
        var size = body.RootElement.GetProperty("size").GetInt64();
        Zeroes.Enqueue((offset, size));
        var zeroes = new byte[SparseImage.BlockBytes];
        for (var done = 0L; done < size; done += zeroes.Length)
        {
            Image.Write(offset + done, zeroes.AsSpan(0, (int)Math.Min(zeroes.Length, size - done)));
        }
    }

    private static Task AnswerAsync<T>(HttpContext context, T answer)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(answer);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private sealed class Holder
    {
        public ImageServer? Server { get; set; }
    }
}
