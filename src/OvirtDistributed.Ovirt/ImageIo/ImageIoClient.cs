// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>Reads or writes one image over its transfer URL. Safe for concurrent use up to <see cref="Connections"/> calls at once; more wait.</summary>
/// <remarks>
/// <para>Knows nothing of the manager. Keeps the ticket alive while idle. Dispose it, which closes every connection, before the transfer is finalized.</para>
/// <para>Errors: <see cref="OvirtError.TicketRefused"/> is final for the URL; a broken connection is resumed
/// <see cref="ImageIoOptions.MaxResumes"/> times and then reported as <see cref="OvirtError.ImageFailed"/> or <see cref="OvirtError.Stalled"/>.</para>
/// </remarks>
public sealed partial class ImageIoClient : IAsyncDisposable
{
    // imageio's own client cuts zeroing at this size, so that no single request runs long.
    private const long MaxZeroBytes = 128L * 1024 * 1024;

    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(5);

    private readonly ImageIoOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly LanePool _lanes;

    // For extents, checksum and keep-alive, so that they need not wait for data; null when the daemon allows one connection only.
    private readonly LanePool? _control;
    private readonly CancellationTokenSource _closing = new();
    private readonly SemaphoreSlim _flushing = new(1, 1);
    private readonly Task _keepAlive;
    private long _lastActivity;
    private long _sizeBytes = -1;
    private int _disposed;

    private ImageIoClient(ImageRoute route, ImageFeatures features, ImageLane[] lanes, ImageLane? control, ImageIoOptions options, TimeProvider timeProvider, ILogger logger)
    {
        Route = route;
        Features = features;
        Endpoint = lanes[0].Endpoint;
        _lanes = new LanePool(lanes);
        _control = control is null ? null : new LanePool([control]);
        _options = options;
        _timeProvider = timeProvider;
        _logger = logger;
        _lastActivity = timeProvider.GetTimestamp();
        _keepAlive = KeepAliveAsync();
    }

    public ImageRoute Route { get; }

    /// <summary>Host and port in use; no secret.</summary>
    public string Endpoint { get; }

    public ImageFeatures Features { get; }

    /// <summary>Data connections.</summary>
    public int Connections => _lanes.Count;

    /// <summary>Connects to the host or, when the host cannot be reached or is not trusted, to the proxy. The route then holds for the whole transfer.</summary>
    /// <exception cref="OvirtException">
    /// <see cref="OvirtError.ImageUnreachable"/> or <see cref="OvirtError.TlsUntrusted"/> when no route works, with both reasons;
    /// <see cref="OvirtError.TicketRefused"/> when the ticket is gone.
    /// </exception>
    public static async Task<ImageIoClient> ConnectAsync(
        ImageTarget target, ImageIoOptions options, TimeProvider timeProvider, ILogger<ImageIoClient> logger, CancellationToken cancellationToken)
    {
        options.ThrowIfInvalid();
        if (target.Url is not { } direct)
        {
            var only = target.ProxyUrl ?? throw new ArgumentException("An image target needs a URL, a proxy URL, or both.", nameof(target));
            return await OpenAsync(only, target.ProxyCaPem, ImageRoute.Proxy, target, options, timeProvider, logger, cancellationToken);
        }

        try
        {
            return await OpenAsync(direct, target.HostCaPem, ImageRoute.Direct, target, options, timeProvider, logger, cancellationToken);
        }
        catch (OvirtException first) when (target.ProxyUrl is not null && first.Error is OvirtError.ImageUnreachable or OvirtError.TlsUntrusted)
        {
            Log.FellBackToProxy(logger, direct.ToString(), target.ProxyUrl!.ToString(), first.Message);
            try
            {
                return await OpenAsync(target.ProxyUrl, target.ProxyCaPem, ImageRoute.Proxy, target, options, timeProvider, logger, cancellationToken);
            }
            catch (OvirtException second)
            {
                throw new OvirtException(second.Error, $"{second.Message} Before that: {first.Message}", second) { HttpStatus = second.HttpStatus };
            }
        }
    }

    /// <summary>Size of the image, from the daemon.</summary>
    public async Task<long> GetSizeAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _sizeBytes) is var known and >= 0)
        {
            return known;
        }

        return await WithLaneAsync(
            async (lane, token) =>
            {
                using var request = lane.Request(HttpMethod.Get);
                request.Headers.TryAddWithoutValidation("Range", "bytes=0-0");
                try
                {
                    return await lane.SendAsync(request, "a look at the size", _options.IdleTimeout, this, static (response, client, _) => Task.FromResult(client.LearnSize(response)), token);
                }
                catch (OvirtException exception) when (exception.Error == OvirtError.RangeRefused)
                {
                    // Not even the first byte is there.
                    return 0;
                }
            },
            cancellationToken);
    }

    /// <summary>The daemon's digest of the image; it reads all of it. Compare before going idle: the engine ends a completely read, idle download.</summary>
    public Task<ImageChecksum> GetChecksumAsync(string algorithm, int blockSizeBytes, CancellationToken cancellationToken) =>
        WithControlAsync(
            async (lane, token) =>
            {
                using var request = lane.Request(HttpMethod.Get, $"/checksum?algorithm={Uri.EscapeDataString(algorithm)}&block_size={blockSizeBytes}");
                var body = await lane.SendAsync(request, "a checksum", _options.ChecksumTimeout, 0, static (response, _, token) => ImageLane.ReadSmallAsync(response, token), token);
                return ImageReplies.ReadChecksum(body);
            },
            cancellationToken);

    /// <summary>Stops the keep-alive, breaks off calls still running (they fail with <see cref="ObjectDisposedException"/>) and closes all connections.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _closing.CancelAsync();
        await _keepAlive;
        await _lanes.DrainAsync(DrainLimit, _timeProvider);
        await (_control?.DrainAsync(DrainLimit, _timeProvider) ?? Task.CompletedTask);
        _lanes.Dispose();
        _control?.Dispose();
        _closing.Dispose();
    }

    private static async Task<ImageIoClient> OpenAsync(
        TransferUrl url,
        string? caPem,
        ImageRoute route,
        ImageTarget target,
        ImageIoOptions options,
        TimeProvider timeProvider,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        ImageLane NewLane() => new(url, caPem, target.HostAddresses, options, timeProvider);
        var first = NewLane();
        try
        {
            var features = await GetFeaturesAsync(first, options, cancellationToken);
            var allowed = target.Access == ImageAccess.Write ? features.MaxWriters : features.MaxReaders;
            var lanes = new ImageLane[Math.Clamp(allowed - 1, 1, options.MaxConnections)];
            lanes[0] = first;
            for (var index = 1; index < lanes.Length; index++)
            {
                lanes[index] = NewLane();
            }

            return new ImageIoClient(route, features, lanes, allowed > 1 ? NewLane() : null, options, timeProvider, logger);
        }
        catch (BrokenConnectionException exception)
        {
            first.Dispose();
            throw exception.Failure;
        }
        catch
        {
            first.Dispose();
            throw;
        }
    }

    private static async Task<ImageFeatures> GetFeaturesAsync(ImageLane lane, ImageIoOptions options, CancellationToken cancellationToken)
    {
        using var request = lane.Request(HttpMethod.Options);
        return await lane.SendAsync(
            request,
            "OPTIONS",
            options.IdleTimeout,
            0,
            static async (response, _, token) => (int)response.StatusCode == 200
                ? ImageReplies.ReadFeatures(await ImageLane.ReadSmallAsync(response, token))
                // Old daemons answer 405, old proxies 204.
                : new ImageFeatures(),
            cancellationToken);
    }

    /// <summary>Runs a call on a free data connection, repeating it over a new one when the connection breaks.</summary>
    private Task<T> WithLaneAsync<T>(Func<ImageLane, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        WithPoolAsync(_lanes, call, cancellationToken);

    private Task<T> WithControlAsync<T>(Func<ImageLane, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        WithPoolAsync(_control ?? _lanes, call, cancellationToken);

    private async Task<T> WithPoolAsync<T>(LanePool pool, Func<ImageLane, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        var lane = await pool.RentAsync(cancellationToken);
        try
        {
            return await ResumeAsync(lane, call, cancellationToken);
        }
        finally
        {
            pool.Return(lane);
        }
    }

    /// <summary>Runs a call, and again over a new connection each time it breaks, up to the limit.</summary>
    private async Task<T> ResumeAsync<T>(ImageLane lane, Func<ImageLane, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        for (var resumes = 0; ; resumes++)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            try
            {
                var result = await call(lane, cancellationToken);
                Volatile.Write(ref _lastActivity, _timeProvider.GetTimestamp());
                return result;
            }
            catch (BrokenConnectionException exception)
            {
                ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
                if (resumes >= _options.MaxResumes)
                {
                    throw exception.Failure;
                }

                Log.ConnectionBroke(_logger, Endpoint, exception.Failure.Message, resumes + 1, _options.MaxResumes);
            }

            await Task.Delay(_options.ResumeDelay * Math.Pow(2, resumes), _timeProvider, cancellationToken);
        }
    }

    /// <summary>Keeps the ticket alive with OPTIONS whenever no other call completed for a while.</summary>
    private async Task KeepAliveAsync()
    {
        var token = _closing.Token;
        try
        {
            while (true)
            {
                var idle = _timeProvider.GetElapsedTime(Volatile.Read(ref _lastActivity));
                if (idle < _options.KeepAliveInterval)
                {
                    await Task.Delay(_options.KeepAliveInterval - idle, _timeProvider, token);
                }
                else if (await SendKeepAliveAsync(token))
                {
                    Volatile.Write(ref _lastActivity, _timeProvider.GetTimestamp());
                }
                else
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            // The client is being closed.
        }
    }

    /// <returns>False when the ticket is gone: then nothing is left to keep.</returns>
    private async Task<bool> SendKeepAliveAsync(CancellationToken cancellationToken)
    {
        var pool = _lanes;
        if (pool.TryRent() is not { } lane)
        {
            // All data connections are at work, which keeps the ticket as well; only extents and checksums do not.
            if (_control?.TryRent() is not { } other)
            {
                return true;
            }

            (pool, lane) = (_control, other);
        }

        try
        {
            await GetFeaturesAsync(lane, _options, cancellationToken);
        }
        catch (OvirtException exception)
        {
            Log.KeepAliveFailed(_logger, Endpoint, exception.Message);
            return exception.Error != OvirtError.TicketRefused;
        }
        catch (BrokenConnectionException exception)
        {
            // The connection had been closed for idleness, or the daemon restarts; the next round tries again.
            Log.KeepAliveFailed(_logger, Endpoint, exception.Message);
        }
        finally
        {
            pool.Return(lane);
        }

        return true;
    }

    private long LearnSize(HttpResponseMessage response)
    {
        if (response.Content.Headers.ContentRange is not { HasLength: true, Length: { } size })
        {
            throw new OvirtException(OvirtError.InvalidResponse, "ImageIO answered a ranged read without the image's size in Content-Range.");
        }

        var before = Interlocked.CompareExchange(ref _sizeBytes, size, -1);
        return before < 0 || before == size
            ? size
            : throw new OvirtException(OvirtError.InvalidResponse, $"ImageIO gives the image's size as {size}, before as {before}.");
    }
}
