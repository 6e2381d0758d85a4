// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>One connection to an image, used by one call at a time and made anew by itself after it broke.</summary>
/// <remarks>
/// A handler of its own per connection, because the daemon opens one backend for each connection and allows only so many,
/// and because all must be closed for certain before the transfer is finalized.
/// </remarks>
internal sealed class ImageLane : IDisposable
{
    /// <summary>Asks the daemon not to flush after a write.</summary>
    public const string Unflushed = "?flush=n";

    private const int MaxErrorTextBytes = 1024;

    private readonly Uri _image;
    private readonly Uri _imageUnflushed;
    private readonly string _endpoint;
    private readonly HttpMessageInvoker _http;
    private readonly ImageIoOptions _options;

    public ImageLane(TransferUrl url, string? caPem, IReadOnlyDictionary<string, string> hostAddresses, ImageIoOptions options, TimeProvider timeProvider)
    {
        _image = url.Uri;
        _imageUnflushed = new Uri(url.Uri.AbsoluteUri + Unflushed);
        _endpoint = url.Uri.Authority;
        _options = options;
        Guard = new IdleGuard(timeProvider);
        var handler = TlsHandlers.Create(caPem, hostAddresses, options.ConnectTimeout);
        handler.MaxConnectionsPerServer = 1;
        // The daemon ends idle connections when it wants to; a pause in reading must not.
        handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan;
        handler.PooledConnectionLifetime = Timeout.InfiniteTimeSpan;
        // An answer that is not wanted any more is not worth reading: close at once.
        handler.MaxResponseDrainSize = 0;
        handler.ActivityHeadersPropagator = null;
        _http = new HttpMessageInvoker(handler);
    }

    public string Endpoint => _endpoint;

    public IdleGuard Guard { get; }

    public TimeSpan IdleTimeout => _options.IdleTimeout;

    public HttpRequestMessage Request(HttpMethod method, string suffix = "")
    {
        // The address of every write is taken apart once.
        var address = suffix switch
        {
            "" => _image,
            Unflushed => _imageUnflushed,
            _ => new Uri(_image.AbsoluteUri + suffix),
        };
        var request = new HttpRequestMessage(method, address)
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.ExpectContinue = false;
        return request;
    }

    /// <summary>Whether this connection carried writes that no flush on it has followed.</summary>
    public bool HasUnflushedWrites { get; set; }

    /// <summary>
    /// Sends a request and, when the answer is a success, hands it to <paramref name="use"/>, all under the idle limit.
    /// Disposing an answer that was not read to its end closes the connection.
    /// </summary>
    /// <exception cref="OvirtException">Refused, unreachable, stalled or not understood.</exception>
    /// <exception cref="BrokenConnectionException">The connection broke off after it was made.</exception>
    public Task<T> SendAsync<TState, T>(
        HttpRequestMessage request,
        string what,
        TimeSpan firstByte,
        TState state,
        Func<HttpResponseMessage, TState, CancellationToken, Task<T>> use,
        CancellationToken cancellationToken) =>
        GuardAsync(
            what,
            firstByte,
            (Lane: this, Request: request, What: what, State: state, Use: use),
            static async (call, token) =>
            {
                using var response = await call.Lane.SendAsync(call.Request, call.What, token);
                return await call.Use(response, call.State, token);
            },
            cancellationToken);

    /// <summary>Sends a request and leaves the answer to be read piece by piece.</summary>
    public Task<LaneAnswer> OpenAsync(HttpRequestMessage request, string what, TimeSpan firstByte, CancellationToken cancellationToken) =>
        GuardAsync(
            what,
            firstByte,
            (Lane: this, Request: request, What: what),
            static async (call, token) =>
            {
                var response = await call.Lane.SendAsync(call.Request, call.What, token);
                try
                {
                    return new LaneAnswer(call.Lane, response, await response.Content.ReadAsStreamAsync(token), call.What);
                }
                catch
                {
                    // Not disposed, it would keep its connection open, and with it the transfer.
                    response.Dispose();
                    throw;
                }
            },
            cancellationToken);

    /// <summary>Runs I/O of this connection under the idle limit and gives its failures their meaning.</summary>
    public async Task<T> GuardAsync<TState, T>(
        string what, TimeSpan limit, TState state, Func<TState, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        var token = Guard.Begin(limit, cancellationToken);
        try
        {
            return await call(state, token);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            Guard.End(cancellationToken);
            throw Guard.Expired
                ? new BrokenConnectionException(
                    new OvirtException(OvirtError.Stalled, $"ImageIO at {_endpoint} moved no byte for {Guard.Limit.TotalSeconds:0} s during {what}.", exception))
                : ImageFaults.Unreachable(_endpoint, $"no connection within {_options.ConnectTimeout.TotalSeconds:0} s", exception);
        }
        catch (HttpRequestException exception)
        {
            throw ImageFaults.FromConnect(exception, _endpoint) ?? (Exception)Broken(what, exception);
        }
        catch (IOException exception)
        {
            throw Broken(what, exception);
        }
        finally
        {
            Guard.End(cancellationToken);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        Guard.Dispose();
    }

    /// <summary>Answers of a few hundred bytes: OPTIONS, checksum.</summary>
    public static async Task<byte[]> ReadSmallAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        const int MaxBytes = 64 * 1024;
        if (response.Content.Headers.ContentLength == 0)
        {
            return [];
        }

        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new MemoryStream();
        var piece = new byte[4096];
        int read;
        while ((read = await stream.ReadAsync(piece, cancellationToken)) > 0)
        {
            buffer.Write(piece, 0, read);
            if (buffer.Length > MaxBytes)
            {
                throw new OvirtException(OvirtError.InvalidResponse, $"An answer of ImageIO that should be short is longer than {MaxBytes} bytes.");
            }
        }

        return buffer.ToArray();
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, string what, CancellationToken cancellationToken)
    {
        var response = await _http.SendAsync(request, cancellationToken);
        try
        {
            Guard.Arm(_options.IdleTimeout);
            return response.IsSuccessStatusCode || (response.StatusCode == HttpStatusCode.MethodNotAllowed && request.Method == HttpMethod.Options)
                ? response
                : throw await RefusedAsync(response, what, cancellationToken);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private async Task<OvirtException> RefusedAsync(HttpResponseMessage response, string what, CancellationToken cancellationToken)
    {
        var text = string.Empty;
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            var buffer = new byte[MaxErrorTextBytes];
            var read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
            text = ImageFaults.Redact(Encoding.UTF8.GetString(buffer, 0, read));
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            // The status says enough.
        }

        return ImageFaults.FromStatus((int)response.StatusCode, text, _endpoint, what);
    }

    private BrokenConnectionException Broken(string what, Exception exception) =>
        new(new OvirtException(OvirtError.ImageFailed, $"The connection to ImageIO at {_endpoint} broke off during {what}: {exception.GetBaseException().Message}", exception));
}

/// <summary>A successful answer whose body is read piece by piece, each under the idle limit.</summary>
internal sealed class LaneAnswer(ImageLane lane, HttpResponseMessage response, Stream stream, string what) : IDisposable
{
    public Stream Stream => stream;

    /// <exception cref="OvirtException">A break here cannot be resumed.</exception>
    public async Task<T> GuardAsync<TState, T>(TState state, Func<TState, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await lane.GuardAsync(what, lane.IdleTimeout, state, call, cancellationToken);
        }
        catch (BrokenConnectionException exception)
        {
            throw exception.Failure;
        }
    }

    public void Dispose()
    {
        stream.Dispose();
        response.Dispose();
    }
}

/// <summary>A connection that broke or stalled after it was made: the call may go on over a new one. Never leaves the ImageIO client.</summary>
internal sealed class BrokenConnectionException(OvirtException failure) : Exception(failure.Message, failure)
{
    /// <summary>What to report when there are no more tries.</summary>
    public OvirtException Failure => failure;
}
