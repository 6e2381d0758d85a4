// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OvirtDistributed.Ovirt.Trust;

/// <summary>Builds the HTTP handlers of this library: pinned trust, name check, address overrides, no redirects, no cookies.</summary>
internal static class TlsHandlers
{
    private static readonly Oid ServerAuthentication = new("1.3.6.1.5.5.7.3.1");

    /// <param name="caPem">Roots to accept; null for those of the operating system.</param>
    /// <param name="hostAddresses">Names to dial at another address.</param>
    /// <param name="connectTimeout">Limit for TCP and TLS together.</param>
    public static SocketsHttpHandler Create(string? caPem, IReadOnlyDictionary<string, string> hostAddresses, TimeSpan connectTimeout) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = connectTimeout,
        SslOptions = CreateSslOptions(caPem),
        ConnectCallback = (context, cancellationToken) => ConnectAsync(context, hostAddresses, cancellationToken),
    };

    private static SslClientAuthenticationOptions CreateSslOptions(string? caPem)
    {
        var options = new SslClientAuthenticationOptions();
        if (caPem is null)
        {
            return options;
        }

        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // The engine's authority publishes no revocation list, and a pinned root must not depend on a download.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.ApplicationPolicy.Add(ServerAuthentication);
        policy.CustomTrustStore.AddRange(CertificateText.Load(caPem));
        options.CertificateChainPolicy = policy;
        return options;
    }

    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, IReadOnlyDictionary<string, string> hostAddresses, CancellationToken cancellationToken)
    {
        var host = hostAddresses.TryGetValue(context.DnsEndPoint.Host, out var address) ? address : context.DnsEndPoint.Host;
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
