// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.ImageIo.Backends;
using OvirtDistributed.Simulator.Storage.Nbd;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>Answers the requests of an ImageIO daemon: what is asked, whether the ticket allows it, and the answer's exact form.</summary>
internal sealed partial class ImageRequestHandler(ImageIoOptions options, ImageConnections connections, Func<string, LiveTicket> findTicket)
{
    private const string ServerName = "imageio/2.5.3";
    private static readonly string[] Version1Features = ["zero", "flush"];
    private static readonly string[] BaseFeatures = ["checksum", "extents"];
    private static readonly string[] AllFeatures = ["checksum", "extents", "flush", "zero"];

    public async Task HandleAsync(HttpContext context)
    {
        var connection = connections[context.Connection.Id];
        connection.Begin();
        try
        {
            await AnswerAsync(context);
        }
        finally
        {
            connection.End();
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        context.Response.Headers.Server = ServerName;
        try
        {
            var dropAfterBytes = await FaultAsync(context, FaultMoment.BeforeHandling);
            await DispatchAsync(context, dropAfterBytes);
            _ = await FaultAsync(context, FaultMoment.AfterHandling);
        }
        catch (ImageIoRefusal refusal)
        {
            await RefuseAsync(context, refusal);
        }
        catch (Exception failure) when (failure is ConnectionDropped || context.RequestAborted.IsCancellationRequested)
        {
            // The client, or a fault, has closed the connection: nobody to answer.
            context.Abort();
        }
        catch (Exception failure) when (failure is NbdException or IOException or UnauthorizedAccessException or HttpRequestException or OperationCanceledException)
        {
            // As the real daemon: a failure in the middle of a body just closes the connection.
            if (context.Response.HasStarted)
            {
                context.Abort();
                return;
            }

            await RefuseAsync(context, new ImageIoRefusal(500, "Server failed to perform the request, check logs", close: true));
        }
    }

    private Task DispatchAsync(HttpContext context, long? dropAfterBytes)
    {
        var path = context.Request.Path.Value ?? "/";
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var method = context.Request.Method;
        return parts switch
        {
            // The old daemon takes all that follows for the ticket's name.
            ["images", var ticket, _, ..] when options.IsVersion1 => throw new ImageIoRefusal(403, $"You are not allowed to access this resource: No such ticket {ticket}/...", close: true),
            ["images", var ticket] => method switch
            {
                "OPTIONS" => OptionsAsync(context, ticket),
                "GET" => ReadAsync(context, ticket, dropAfterBytes),
                "PUT" => WriteAsync(context, ticket),
                "PATCH" => PatchAsync(context, ticket),
                _ => throw NotAllowed(method, path),
            },
            ["images", var ticket, "extents"] => method == "GET" ? ExtentsAsync(context, ticket) : throw NotAllowed(method, path),
            ["images", var ticket, "checksum"] => method == "GET" ? ChecksumAsync(context, ticket) : throw NotAllowed(method, path),
            ["images", _, "checksum", "algorithms"] => JsonAsync(context, new { algorithms = ImageChecksum.Algorithms }),
            ["info"] when path.EndsWith('/') => JsonAsync(context, new { version = "2.5.3" }),
            ["images"] => throw ImageIoRefusal.BadRequest("Ticket id is required"),
            _ => throw new ImageIoRefusal(404, $"No handler for '{path}'"),
        };
    }

    private async Task OptionsAsync(HttpContext context, string ticketId)
    {
        if (ticketId == "*")
        {
            context.Response.Headers.Allow = "OPTIONS,GET,PUT,PATCH";
            await JsonAsync(context, new { features = options.IsVersion1 ? Version1Features : AllFeatures });
            return;
        }

        var (ticket, image) = await OpenAsync(context, ticketId, "read");
        ticket.Touch();
        var writes = ticket.May("write");
        context.Response.Headers.Allow = writes ? "OPTIONS,GET,PUT,PATCH" : "OPTIONS,GET";
        if (options.IsVersion1)
        {
            await JsonAsync(context, new { features = writes ? Version1Features : [] });
            return;
        }

        await JsonAsync(context, new
        {
            features = writes ? AllFeatures : BaseFeatures,
            max_readers = image.Backend.MaxReaders,
            max_writers = image.Backend.MaxWriters,
        });
    }

    private async Task ReadAsync(HttpContext context, string ticketId, long? dropAfterBytes)
    {
        CloseWhenAsked(context);
        var range = ByteRangeHeader.ParseRange(context.Request.Headers.Range);
        var (ticket, image) = await OpenAsync(context, ticketId, "read");
        var offset = range?.First ?? 0;
        var size = range?.Last is { } last ? last - offset + 1 : Math.Min(ticket.Ticket.Size, image.Backend.SizeBytes) - offset;
        if (size < 0 || offset + size > ticket.Ticket.Size || offset + size > image.Backend.SizeBytes)
        {
            throw ImageIoRefusal.OutOfRange(ticket.Ticket.Size);
        }

        var response = context.Response;
        response.StatusCode = range is null ? 200 : 206;
        response.ContentLength = size;
        response.ContentType = "application/octet-stream";
        response.Headers.ContentDisposition = "attachment";
        if (range is not null)
        {
            response.Headers.ContentRange = $"bytes {offset}-{offset + size - 1}/{ticket.Ticket.Size}";
        }

        await ticket.RunAsync(
            offset, (operation, token) => SendAsync(context, image.Backend, operation, size, dropAfterBytes, token), context.RequestAborted);
    }

    private static async Task SendAsync(
        HttpContext context, IImageBackend backend, TicketOperation operation, long size, long? dropAfterBytes, CancellationToken cancellationToken)
    {
        // Data is read into the response's own memory, in pieces large enough that TLS makes full records: no copy in between.
        await context.Response.StartAsync(cancellationToken);
        var body = context.Response.BodyWriter;
        for (long sent = 0; sent < size;)
        {
            var count = (int)Math.Min(ConnectionImage.BufferBytes, size - sent);
            if (dropAfterBytes is { } limit)
            {
                count = (int)Math.Min(count, limit - sent);
                if (count <= 0)
                {
                    context.Abort();
                    throw new ConnectionDropped();
                }
            }

            await backend.ReadAsync(operation.OffsetBytes + sent, body.GetMemory(count)[..count], cancellationToken);
            body.Advance(count);
            _ = await body.FlushAsync(cancellationToken);
            sent += count;
            operation.Advance(count);
        }
    }

    private async Task WriteAsync(HttpContext context, string ticketId)
    {
        CloseWhenAsked(context);
        if (context.Request.ContentLength is not { } size)
        {
            throw ImageIoRefusal.BadRequest("Content-Length header is required");
        }

        var offset = ByteRangeHeader.ParseContentRange(context.Request.Headers.ContentRange);
        var flush = Choice(context, "flush", ["n", "y"], "y") == "y";
        var (ticket, image) = await OpenAsync(context, ticketId, "write");
        if (offset + size > ticket.Ticket.Size)
        {
            throw ImageIoRefusal.OutOfRange(ticket.Ticket.Size);
        }

        await ticket.RunAsync(offset, (operation, token) => ReceiveAsync(context, image, operation, size, flush, token), context.RequestAborted);
        context.Response.ContentLength = 0;
    }

    private static async Task ReceiveAsync(
        HttpContext context, ConnectionImage image, TicketOperation operation, long size, bool flush, CancellationToken cancellationToken)
    {
        long received = 0;
        while (received < size)
        {
            var wanted = image.Buffer[..(int)Math.Min(ConnectionImage.BufferBytes, size - received)];
            var count = await context.Request.Body.ReadAtLeastAsync(wanted, wanted.Length, throwOnEndOfStream: false, cancellationToken);
            if (count < wanted.Length)
            {
                throw ImageIoRefusal.BadRequest($"Requested {size} bytes, available {received + count} bytes");
            }

            await image.Backend.WriteAsync(operation.OffsetBytes + received, wanted, cancellationToken);
            received += count;
            operation.Advance(count);
        }

        if (flush)
        {
            await image.Backend.FlushAsync(cancellationToken);
        }
    }

    private async Task PatchAsync(HttpContext context, string ticketId)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var patch = ImagePatch.Parse(body.ToArray());
        var (ticket, image) = await OpenAsync(context, ticketId, "write");
        if (patch.IsZero && patch.OffsetBytes + patch.SizeBytes > ticket.Ticket.Size)
        {
            throw ImageIoRefusal.OutOfRange(ticket.Ticket.Size);
        }

        await ticket.RunAsync(
            patch.OffsetBytes,
            async (operation, token) =>
            {
                // Steps of 128 MiB, so that a cancelled ticket does not wait for a long zeroing.
                for (long done = 0; done < patch.SizeBytes; done += 128L << 20)
                {
                    var step = Math.Min(128L << 20, patch.SizeBytes - done);
                    await image.Backend.ZeroAsync(patch.OffsetBytes + done, step, token);
                    operation.Advance(step);
                }

                if (patch.Flush)
                {
                    await image.Backend.FlushAsync(token);
                }
            },
            context.RequestAborted);
        context.Response.ContentLength = 0;
    }

    private async Task ExtentsAsync(HttpContext context, string ticketId)
    {
        var (ticket, image) = await OpenAsync(context, ticketId, "read");
        var dirty = Choice(context, "context", ["dirty", "zero"], "zero") == "dirty";
        if (dirty && !ticket.Ticket.Dirty)
        {
            throw new ImageIoRefusal(404, "Ticket does not support dirty extents");
        }

        // The list is written to a file first: its length must be known, it can be long, and an error must still be an answer.
        var file = new FileStream(
            Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        await using (file)
        {
            await WriteExtentsAsync(image.Backend, dirty, file, context.RequestAborted);
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = file.Length;
            file.Position = 0;
            await file.CopyToAsync(context.Response.Body, context.RequestAborted);
        }
    }

    private static async Task WriteExtentsAsync(IImageBackend backend, bool dirty, Stream destination, CancellationToken cancellationToken)
    {
        var writer = PipeWriter.Create(destination, new StreamPipeWriterOptions(leaveOpen: true));
        var first = true;
        await foreach (var extent in backend.ExtentsAsync(dirty, cancellationToken))
        {
            var flags = dirty ? $"\"dirty\": {Word(extent.Dirty)}, \"zero\": {Word(extent.Zero)}" : $"\"zero\": {Word(extent.Zero)}, \"hole\": {Word(extent.Hole)}";
            var text = string.Create(CultureInfo.InvariantCulture, $"{(first ? "[" : ", ")}{{\"start\": {extent.Start}, \"length\": {extent.Length}, {flags}}}");
            _ = await writer.WriteAsync(Encoding.ASCII.GetBytes(text), cancellationToken);
            first = false;
        }

        _ = await writer.WriteAsync(first ? "[]"u8.ToArray() : "]"u8.ToArray(), cancellationToken);
        await writer.CompleteAsync();
        await destination.FlushAsync(cancellationToken);
    }

    private static string Word(bool value) => value ? "true" : "false";

    private async Task ChecksumAsync(HttpContext context, string ticketId)
    {
        var algorithm = context.Request.Query["algorithm"].FirstOrDefault() ?? ImageChecksum.DefaultAlgorithm;
        ImageChecksum.Validate(algorithm, context.Request.Query["block_size"].FirstOrDefault(), out var blockBytes);
        var (ticket, image) = await OpenAsync(context, ticketId, "read");
        var checksum = "";
        await ticket.RunAsync(
            0,
            async (operation, token) =>
            {
                checksum = await ImageChecksum.ComputeAsync(image.Backend, algorithm, blockBytes, token);

                // As in the real daemon, an image whose checksum was taken counts as transferred.
                operation.Advance(image.Backend.SizeBytes);
            },
            context.RequestAborted);
        await JsonAsync(context, new { algorithm, block_size = blockBytes, checksum });
    }

    /// <summary>The ticket, allowed for the operation, and this connection's own backend of it.</summary>
    private async Task<(LiveTicket Ticket, ConnectionImage Image)> OpenAsync(HttpContext context, string ticketId, string operation)
    {
        var ticket = findTicket(ticketId);
        ticket.Authorize(operation);
        var image = await ticket.ImageOfAsync(
            context.Connection.Id, token => OpenBackendAsync(ticket.Ticket, token), context.RequestAborted);
        connections[context.Connection.Id].Use(ticket);
        return (ticket, image);
    }

    private Task<IImageBackend> OpenBackendAsync(ImageTicket ticket, CancellationToken cancellationToken) => ticket.Url switch
    {
        var url when url.StartsWith("nbd:", StringComparison.Ordinal) => NbdImageBackend.OpenAsync(ticket, options.MaxConnections, cancellationToken),
        var url when url.StartsWith("file:", StringComparison.Ordinal) => Task.FromResult(FileImageBackend.Open(ticket, options.MaxConnections)),
        var url when url.StartsWith("https:", StringComparison.Ordinal) => HttpImageBackend.OpenAsync(ticket, options.UpstreamCaPem, cancellationToken),
        var url => throw new ImageIoRefusal(500, $"Unsupported backend '{new string([.. url.TakeWhile(letter => letter != ':')])}'"),
    };

    private static string Choice(HttpContext context, string name, string[] values, string otherwise)
    {
        var value = context.Request.Query[name].FirstOrDefault() ?? otherwise;
        return values.Contains(value, StringComparer.Ordinal)
            ? value
            : throw ImageIoRefusal.BadRequest(
                $"Unsupported value '{value}' for '{name}', expecting one of [{string.Join(", ", values.Select(known => $"'{known}'"))}]");
    }

    private static void CloseWhenAsked(HttpContext context)
    {
        if (context.Request.Query["close"].FirstOrDefault() == "y")
        {
            context.Response.Headers.Connection = "close";
        }
    }

    private static ImageIoRefusal NotAllowed(string method, string path) => new(405, $"Method '{method}' not defined for '{path}'");

    private static async Task JsonAsync(HttpContext context, object value)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(value);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        await context.Response.Body.WriteAsync(json, context.RequestAborted);
    }

    private static async Task RefuseAsync(HttpContext context, ImageIoRefusal refusal)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        var response = context.Response;
        response.Clear();
        response.Headers.Server = ServerName;
        response.StatusCode = refusal.Status;
        response.ContentType = "text/plain; charset=UTF-8";
        if (refusal.RangeSize is { } size)
        {
            response.Headers.ContentRange = $"bytes */{size}";
        }

        // An unread request body cannot be skipped cheaply: the real daemon closes then.
        if (refusal.Close || refusal.Status == 403 || context.Request.ContentLength > 0)
        {
            response.Headers.Connection = "close";
        }

        var text = Encoding.UTF8.GetBytes(refusal.Message + "\n");
        response.ContentLength = text.Length;
        await response.Body.WriteAsync(text, context.RequestAborted);
    }
}
