// SPDX-License-Identifier: Apache-2.0

using System.Net.Security;
using Grpc.Core;
using Grpc.Net.Client;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Hosting.Grpc;

/// <summary>Client channels to our services. Each channel is one HTTP/2 connection; ask for several where bulk data flows.</summary>
public static class GrpcChannels
{
    /// <summary>
    /// What a download may have on its way. HttpClient keeps it in 16 KiB blocks of the shared pool, which holds about 1 MiB of them: with
    /// 512 KiB a download allocates 5 MiB per GiB, with 4 MiB, or left to grow by itself, 400 MiB per GiB, and is not faster. Uploads do not depend on it.
    /// </summary>
    private const int StreamWindowBytes = 512 * 1024;

    /// <summary>The library's own pauses grow to two minutes: a worker would not see in time that a server is back which has just extended its leases.</summary>
    private static readonly TimeSpan LongestReconnectPause = TimeSpan.FromSeconds(2);

    static GrpcChannels() =>
        AppContext.SetSwitch("System.Net.SocketsHttpHandler.Http2FlowControl.DisableDynamicWindowSizing", true);

    /// <summary>
    /// Makes a channel to <paramref name="address"/> (<c>https://host:port</c>, or <c>http://</c> on loopback without TLS).
    /// Does not connect yet. The caller owns and disposes it.
    /// </summary>
    /// <exception cref="OperatorException">The address cannot be used.</exception>
    public static GrpcChannel Create(string address, TlsIdentity? tls)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp))
        {
            throw OperatorException.Invalid("address", address, "write https://host:port (or http://127.0.0.1:port without TLS).");
        }

        if (uri.Scheme == Uri.UriSchemeHttps && tls is null)
        {
            throw OperatorException.Invalid("address", address, "it is https but this process has no certificate: set Tls:CertificateFile, Tls:KeyFile and Tls:CaFile.");
        }

        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = TimeSpan.FromSeconds(20),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
            InitialHttp2StreamWindowSize = StreamWindowBytes,
            UseProxy = false,
        };
        if (tls is not null)
        {
            handler.SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = [tls.Certificate],
                LocalCertificateSelectionCallback = (_, _, _, _, _) => tls.Certificate,
                RemoteCertificateValidationCallback = (_, certificate, _, errors) => tls.Accepts(certificate, errors),
            };
        }

        return GrpcChannel.ForAddress(uri, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            Credentials = uri.Scheme == Uri.UriSchemeHttps ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure,
            MaxReconnectBackoff = LongestReconnectPause,
            MaxReceiveMessageSize = 64 * 1024 * 1024,
            MaxSendMessageSize = 64 * 1024 * 1024,
            ThrowOperationCanceledOnCancellation = true,
        });
    }
}
