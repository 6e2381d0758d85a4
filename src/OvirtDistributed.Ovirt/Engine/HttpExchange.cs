// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Net.Sockets;
using System.Security.Authentication;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>Sends one request and reads the whole answer, within the request's time limit. Every failure leaves as <see cref="OvirtException"/>.</summary>
internal sealed class HttpExchange(HttpMessageInvoker http, string server, TimeSpan timeout, TimeProvider timeProvider)
{
    // A page of VMs with OVF is a few MiB; anything near this limit is not an answer of an engine.
    private const int MaxBodyBytes = 256 * 1024 * 1024;

    /// <exception cref="OvirtException">The engine was not reached, is not trusted, or did not answer completely in time.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task<(int Status, ReadOnlyMemory<byte> Body)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, timeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var response = await http.SendAsync(request, linked.Token);
            var body = await ReadAsync(response, linked.Token);
            return ((int)response.StatusCode, body);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            if (!limit.IsCancellationRequested)
            {
                // The handler's own limit, which is the one for connecting.
                throw Unavailable(exception, sent: false);
            }

            throw new OvirtException(OvirtError.Timeout, $"The manager {server} did not answer within {timeout.TotalSeconds:0} s.", exception)
            {
                MayHaveBeenCarriedOut = true,
                Advice = RetryAdvice.WhenReachable,
            };
        }
        catch (HttpRequestException exception)
        {
            throw Translate(exception);
        }
        catch (IOException exception)
        {
            throw Unavailable(exception, sent: true);
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new ArrayBufferWriter<byte>((int)Math.Clamp(response.Content.Headers.ContentLength ?? 4096, 1, 1024 * 1024));
        while (true)
        {
            var read = await stream.ReadAsync(buffer.GetMemory(4096), cancellationToken);
            if (read == 0)
            {
                return buffer.WrittenMemory;
            }

            buffer.Advance(read);
            if (buffer.WrittenCount > MaxBodyBytes)
            {
                throw new OvirtException(OvirtError.InvalidResponse, $"The manager's answer is larger than {MaxBodyBytes / 1024 / 1024} MiB.");
            }
        }
    }

    private OvirtException Translate(HttpRequestException exception)
    {
        if (FindAuthenticationFailure(exception) is { } tls)
        {
            return new OvirtException(
                OvirtError.TlsUntrusted,
                $"The certificate of the manager {server} is not trusted: {tls.Message} Check the pinned CA and that the URL uses the name in the certificate.",
                exception);
        }

        var neverSent = exception.HttpRequestError is HttpRequestError.ConnectionError
            or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError
            || exception.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused };
        return exception.HttpRequestError is HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError
            ? new OvirtException(OvirtError.InvalidResponse, $"The manager {server} does not speak HTTP as expected: {exception.Message}", exception) { MayHaveBeenCarriedOut = true }
            : Unavailable(exception, sent: !neverSent);
    }

    private OvirtException Unavailable(Exception exception, bool sent) =>
        new(OvirtError.EngineUnavailable, $"The manager {server} cannot be reached: {exception.GetBaseException().Message}", exception)
        {
            MayHaveBeenCarriedOut = sent,
            Advice = RetryAdvice.WhenReachable,
        };

    private static AuthenticationException? FindAuthenticationFailure(Exception exception)
    {
        for (var inner = exception.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (inner is AuthenticationException found)
            {
                return found;
            }
        }

        return null;
    }
}
