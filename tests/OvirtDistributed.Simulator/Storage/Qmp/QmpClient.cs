// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OvirtDistributed.Simulator.Storage.Qmp;

/// <summary>Raised when qemu refuses a command. <see cref="Exception.Message"/> names the command and holds qemu's words.</summary>
internal sealed class QmpException(string message) : Exception(message);

/// <summary>
/// A QEMU Machine Protocol session over a unix socket: JSON objects, one a line; replies are matched by id and events are handed to
/// whoever expects them. Commands may be sent concurrently.
/// </summary>
internal sealed class QmpClient : IAsyncDisposable
{
    /// <summary>Commands only start work, so an answer that takes longer means a hung process.</summary>
    private static readonly TimeSpan CommandDeadline = TimeSpan.FromSeconds(60);

    private readonly Socket _socket;
    private readonly StreamReader _reader;
    private readonly NetworkStream _stream;
    private readonly TimeProvider _timeProvider;
    private readonly SemaphoreSlim _sendGate = new(1);
    private readonly ConcurrentDictionary<long, TaskCompletionSource<JsonNode?>> _pending = new();
    private readonly Lock _expectationLock = new();
    private readonly List<QmpExpectation> _expectations = [];
    private Task _loop = Task.CompletedTask;
    private long _lastId;
    private volatile bool _closed;

    private QmpClient(Socket socket, TimeProvider timeProvider)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: false);
        _reader = new StreamReader(_stream);
        _timeProvider = timeProvider;
    }

    /// <summary>Takes over a connected socket and negotiates capabilities.</summary>
    public static async Task<QmpClient> StartAsync(Socket socket, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var client = new QmpClient(socket, timeProvider);
        try
        {
            var greeting = await client._reader.ReadLineAsync(cancellationToken) ?? throw new QmpException("The monitor closed the connection before its greeting.");
            if (JsonNode.Parse(greeting)?["QMP"] is null)
            {
                throw new QmpException($"The monitor's greeting is not QMP: {greeting}");
            }

            client._loop = client.ReceiveAsync();
            _ = await client.ExecuteAsync("qmp_capabilities", null, cancellationToken);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command and returns its result.</summary>
    /// <exception cref="QmpException">qemu refused, did not answer in time, or is gone.</exception>
    public async Task<JsonNode?> ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancellationToken)
    {
        var id = Interlocked.Increment(ref _lastId);
        var request = new JsonObject { ["execute"] = command, ["id"] = id };
        if (arguments is not null)
        {
            request["arguments"] = arguments;
        }

        var reply = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[id] = reply;
        try
        {
            await SendAsync(request, cancellationToken);
            return await reply.Task.WaitAsync(CommandDeadline, _timeProvider, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new QmpException($"{command}: no answer within {CommandDeadline}.");
        }
        catch (QmpException e)
        {
            throw new QmpException($"{command}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or SocketException)
        {
            throw new QmpException($"{command}: the monitor connection is gone: {e.Message}");
        }
        finally
        {
            _ = _pending.TryRemove(id, out _);
        }
    }

    /// <summary>Registers interest in an event. Register before the command that causes it, and dispose afterwards.</summary>
    public QmpExpectation Expect(string name, Func<JsonNode, bool> matches)
    {
        var expectation = new QmpExpectation(this, name, matches);
        lock (_expectationLock)
        {
            if (_closed)
            {
                expectation.Fail(new QmpException("The monitor connection is gone."));
            }

            _expectations.Add(expectation);
        }

        return expectation;
    }

    public async ValueTask DisposeAsync()
    {
        // Closing the socket ends the loop; it then fails whatever is still waiting.
        _socket.Dispose();
        await _loop;
        await _stream.DisposeAsync();
        _reader.Dispose();
        _sendGate.Dispose();
    }

    internal void Forget(QmpExpectation expectation)
    {
        lock (_expectationLock)
        {
            _ = _expectations.Remove(expectation);
        }
    }

    private async Task SendAsync(JsonObject request, CancellationToken cancellationToken)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(request);
        await _sendGate.WaitAsync(cancellationToken);
        try
        {
            if (_closed)
            {
                throw new IOException("the monitor closed the connection");
            }

            await _stream.WriteAsync(bytes, cancellationToken);
            await _stream.WriteAsync("\n"u8.ToArray(), cancellationToken);
        }
        finally
        {
            _ = _sendGate.Release();
        }
    }

    private async Task ReceiveAsync()
    {
        var reason = "the process ended";
        try
        {
            while (await _reader.ReadLineAsync(CancellationToken.None) is { } line)
            {
                if (JsonNode.Parse(line) is JsonObject message)
                {
                    Dispatch(message);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or SocketException or JsonException or OperationCanceledException)
        {
            reason = e.Message;
        }

        var gone = new QmpException($"The monitor connection is gone: {reason}.");
        lock (_expectationLock)
        {
            _closed = true;
            _expectations.ForEach(e => e.Fail(gone));
        }

        foreach (var pending in _pending.Values)
        {
            _ = pending.TrySetException(gone);
        }
    }

    private void Dispatch(JsonObject message)
    {
        if (message["event"] is JsonValue name)
        {
            var data = message["data"] ?? new JsonObject();
            lock (_expectationLock)
            {
                foreach (var expectation in _expectations)
                {
                    expectation.Offer(name.GetValue<string>(), data);
                }
            }
        }
        else if (message["id"] is JsonValue id && _pending.TryGetValue(id.GetValue<long>(), out var pending))
        {
            _ = message["error"] is { } error
                ? pending.TrySetException(new QmpException(error["desc"]?.GetValue<string>() ?? error.ToJsonString()))
                : pending.TrySetResult(message["return"]);
        }
    }
}
