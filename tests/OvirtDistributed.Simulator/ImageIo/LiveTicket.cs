// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.ImageIo.Backends;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>A ticket in use: who may do what, which connections use it, since when it is idle, and what has been moved.</summary>
internal sealed class LiveTicket : IDisposable
{
    /// <summary>A client's own read time-out: waiting longer for a place answers nobody.</summary>
    private static readonly TimeSpan PlaceTimeout = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Dictionary<string, ConnectionImage> _connections = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _cancel = new();
    private readonly TransferredRanges _transferred = new();
    private readonly HashSet<TicketOperation> _running = [];
    private readonly SemaphoreSlim _places;
    private TaskCompletionSource _quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _touched;
    private long _expiresFrom;
    private TimeSpan _validity;
    private bool _canceled;

    public LiveTicket(ImageTicket ticket, int maxConnections, TimeProvider time)
    {
        Ticket = ticket;
        _time = time;
        _places = new SemaphoreSlim(maxConnections);
        _touched = _expiresFrom = time.GetTimestamp();
        _validity = ticket.Timeout;
    }

    public ImageTicket Ticket { get; }

    /// <summary>What the engine sees.</summary>
    public TicketState State
    {
        get
        {
            lock (_gate)
            {
                var active = _running.Count > 0;
                var idle = active ? TimeSpan.Zero : _time.GetElapsedTime(_touched);
                return new TicketState(active, _canceled, _connections.Count, idle, Ticket.Ops.Count > 1 ? null : MovedBytes());
            }
        }
    }

    public bool May(string operation) =>
        Ticket.Ops.Contains(operation, StringComparer.Ordinal) || (operation == "read" && Ticket.Ops.Contains("write", StringComparer.Ordinal));

    /// <exception cref="ImageIoRefusal">The ticket was canceled, has expired, or does not allow the operation.</exception>
    public void Authorize(string operation)
    {
        lock (_gate)
        {
            if (_canceled)
            {
                throw Canceled();
            }

            if (_time.GetElapsedTime(_expiresFrom) >= _validity)
            {
                throw Denied($"Transfer={Ticket.TransferId} expired");
            }
        }

        if (!May(operation))
        {
            throw Denied($"Transfer={Ticket.TransferId} forbids {operation}");
        }
    }

    /// <summary>The connection's own backend; opened on its first request for this ticket. Waits for a place when the ticket has all its connections.</summary>
    public async Task<ConnectionImage> ImageOfAsync(
        string connection, Func<CancellationToken, Task<IImageBackend>> open, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_connections.TryGetValue(connection, out var known))
            {
                return known;
            }
        }

        if (!await _places.WaitAsync(PlaceTimeout, cancellationToken))
        {
            throw new IOException("All connections of the ticket stayed in use.");
        }

        ConnectionImage? image = null;
        try
        {
            image = new ConnectionImage(await open(cancellationToken));
            lock (_gate)
            {
                if (!_canceled)
                {
                    _connections.Add(connection, image);
                    return image;
                }
            }

            throw Canceled();
        }
        catch
        {
            _ = _places.Release();
            if (image is not null)
            {
                await image.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Forgets a closed connection and what it had open.</summary>
    public async Task DropConnectionAsync(string connection)
    {
        ConnectionImage? image;
        lock (_gate)
        {
            _ = _connections.Remove(connection, out image);
        }

        if (image is not null)
        {
            await image.DisposeAsync();
            _ = _places.Release();
        }
    }

    /// <summary>
    /// Runs an operation under the ticket: the ticket counts as active meanwhile and is extended when it has ended well.
    /// The operation tells how many bytes from <paramref name="offsetBytes"/> on it has moved.
    /// </summary>
    public async Task RunAsync(long offsetBytes, Func<TicketOperation, CancellationToken, Task> operation, CancellationToken cancellationToken)
    {
        CancellationTokenSource both;
        var running = new TicketOperation(offsetBytes);
        lock (_gate)
        {
            if (_canceled)
            {
                throw Canceled();
            }

            _ = _running.Add(running);
            both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _cancel.Token);
        }

        try
        {
            using (both)
            {
                await operation(running, both.Token);
            }
        }
        catch (OperationCanceledException) when (_cancel.IsCancellationRequested)
        {
            throw Canceled();
        }
        finally
        {
            Ended(running);
        }

        if (_cancel.IsCancellationRequested)
        {
            throw Canceled();
        }
    }

    /// <summary>Counts as activity without an operation (OPTIONS).</summary>
    public void Touch()
    {
        lock (_gate)
        {
            _touched = _expiresFrom = _time.GetTimestamp();
            _validity = Ticket.Timeout;
        }
    }

    public void Extend(TimeSpan timeout)
    {
        lock (_gate)
        {
            _expiresFrom = _time.GetTimestamp();
            _validity = timeout;
        }
    }

    /// <summary>No operation can start any more; running ones are cancelled. False when they have not ended within <paramref name="limit"/>.</summary>
    public async Task<bool> CancelAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        Task quiet;
        lock (_gate)
        {
            _canceled = true;
            quiet = _running.Count == 0 ? Task.CompletedTask : _quiet.Task;
        }

        await _cancel.CancelAsync();
        try
        {
            await quiet.WaitAsync(limit, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return false;
        }

        List<ConnectionImage> images;
        lock (_gate)
        {
            images = [.. _connections.Values];
            _connections.Clear();
        }

        foreach (var image in images)
        {
            await image.DisposeAsync();
        }

        return true;
    }

    public void Dispose() => _cancel.Dispose();

    private void Ended(TicketOperation operation)
    {
        lock (_gate)
        {
            _ = _running.Remove(operation);
            _transferred.Add(operation.OffsetBytes, operation.MovedBytes);
            Touch();
            if (_running.Count == 0)
            {
                _quiet.TrySetResult();
                _quiet = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    /// <summary>Distinct bytes of ended and running operations.</summary>
    private long MovedBytes()
    {
        var all = _transferred.Clone();
        foreach (var operation in _running)
        {
            all.Add(operation.OffsetBytes, operation.MovedBytes);
        }

        return all.Sum;
    }

    private ImageIoRefusal Canceled() => Denied($"Transfer={Ticket.TransferId} was canceled");

    private static ImageIoRefusal Denied(string reason) => ImageIoRefusal.Forbidden($"You are not allowed to access this resource: {reason}");
}
