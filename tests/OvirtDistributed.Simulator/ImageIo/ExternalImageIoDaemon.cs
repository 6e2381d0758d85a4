// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>
/// A real ovirt-imageio daemon, driven over its control socket as vdsm does: tickets are put, read, extended and deleted there.
/// The daemon is not started or stopped by this object; its configuration says on which port it serves images.
/// </summary>
public sealed class ExternalImageIoDaemon : IImageIoDaemon
{
    /// <summary>Longer than the daemon's own wait for running operations when a ticket is deleted (60 s).</summary>
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(90);

    private readonly HttpMessageInvoker _control;
    private readonly TimeProvider _timeProvider;
    private readonly string _socketPath;

    public ExternalImageIoDaemon(string controlSocketPath, int port, TimeProvider timeProvider)
    {
        _socketPath = controlSocketPath;
        Port = port;
        _timeProvider = timeProvider;
        _control = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, ConnectCallback = ConnectAsync });
    }

    public int Port { get; }

    /// <exception cref="ImageIoControlException">The daemon refused the ticket or is not there.</exception>
    public async Task AddTicketAsync(ImageTicket ticket, CancellationToken cancellationToken)
    {
        var body = new JsonObject
        {
            ["uuid"] = ticket.Uuid.ToString("D"),
            ["size"] = ticket.Size,
            ["url"] = ticket.Url,
            ["ops"] = new JsonArray([.. ticket.Ops.Select(o => (JsonNode)o)]),
            ["timeout"] = (long)ticket.Timeout.TotalSeconds,
            ["inactivity_timeout"] = (long)ticket.InactivityTimeout.TotalSeconds,
            ["sparse"] = ticket.Sparse,
            ["dirty"] = ticket.Dirty,
        };
        if (ticket.TransferId is { } transfer)
        {
            body["transfer_id"] = transfer;
        }

        using var response = await SendAsync(HttpMethod.Put, ticket.Uuid, body, cancellationToken);
        await RequireAsync(response, "put", cancellationToken);
    }

    public async Task<TicketState?> GetTicketAsync(Guid ticket, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, ticket, null, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await RequireAsync(response, "read", cancellationToken);
        var state = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        return new TicketState(
            state.GetProperty("active").GetBoolean(),
            state.GetProperty("canceled").GetBoolean(),
            state.GetProperty("connections").GetInt32(),
            TimeSpan.FromSeconds(state.GetProperty("idle_time").GetInt64()),
            state.TryGetProperty("transferred", out var transferred) ? transferred.GetInt64() : null);
    }

    /// <summary>A ticket that is not there any more is no error.</summary>
    public async Task ExtendTicketAsync(Guid ticket, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Patch, ticket, new JsonObject { ["timeout"] = (long)timeout.TotalSeconds }, cancellationToken);
        if (response.StatusCode != HttpStatusCode.NotFound)
        {
            await RequireAsync(response, "extend", cancellationToken);
        }
    }

    public async Task<bool> RemoveTicketAsync(Guid ticket, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Delete, ticket, null, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Conflict)
        {
            return false;
        }

        await RequireAsync(response, "delete", cancellationToken);
        return true;
    }

    public ValueTask DisposeAsync()
    {
        _control.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, Guid ticket, JsonObject? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri($"http://localhost/tickets/{ticket:D}"));
        if (body is not null)
        {
            // The daemon reads bodies by their length only.
            request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
        }

        using var limit = new CancellationTokenSource(RequestTimeout, _timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await _control.SendAsync(request, either.Token);
        }
        catch (HttpRequestException e)
        {
            throw new ImageIoControlException(null, $"The ImageIO daemon at {_socketPath} cannot be reached: {e.Message}. Check that it runs and who may open its control socket.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ImageIoControlException(null, $"The ImageIO daemon at {_socketPath} did not answer within {RequestTimeout}.");
        }
    }

    private static async Task RequireAsync(HttpResponseMessage response, string action, CancellationToken cancellationToken)
    {
        if (!response.IsSuccessStatusCode)
        {
            var text = (await response.Content.ReadAsStringAsync(cancellationToken)).Trim();
            throw new ImageIoControlException((int)response.StatusCode, $"The ImageIO daemon refused to {action} a ticket: {(int)response.StatusCode} {text}");
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socketPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
