// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Grpc.Net.Client;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Cli.Connection;

/// <summary>Opens channels to addresses that an operator wrote, with messages in the operator's words.</summary>
internal static class ServiceAddress
{
    private const string TlsAdvice = "give --tls-cert, --tls-key and --tls-ca (or OVD_TLS_CERT, OVD_TLS_KEY and OVD_TLS_CA)";

    /// <summary>A channel to <paramref name="address"/>. Plain text is refused beyond loopback: passwords and disk contents travel on it.</summary>
    /// <exception cref="CliException">The address cannot be used.</exception>
    public static GrpcChannel Connect(string field, string address, TlsIdentity? tls)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri)
            || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp)
            || uri.PathAndQuery != "/"
            || uri.Host.Length == 0)
        {
            throw CliException.Invalid($"{field} '{address}' cannot be used: write https://HOST:PORT (or http://127.0.0.1:PORT without TLS).");
        }

        if (uri.Scheme == Uri.UriSchemeHttps && tls is null)
        {
            throw CliException.Invalid($"{field} '{address}' is https and needs a client certificate: {TlsAdvice}.");
        }

        if (uri.Scheme == Uri.UriSchemeHttp && !IsLoopback(uri))
        {
            throw CliException.Invalid($"{field} '{address}' is plain text to another machine: use https:// and {TlsAdvice}.");
        }

        return GrpcChannels.Create(address, uri.Scheme == Uri.UriSchemeHttps ? tls : null);
    }

    /// <summary>Loads the operator's certificate; null when none is configured.</summary>
    /// <exception cref="CliException">It is incomplete or unreadable.</exception>
    public static TlsIdentity? LoadTls(TlsOptions options)
    {
        if (!options.Enabled)
        {
            return null;
        }

        foreach (var (option, file) in new[] { ("tls-cert", options.CertificateFile), ("tls-key", options.KeyFile), ("tls-ca", options.CaFile) })
        {
            if (string.IsNullOrEmpty(file))
            {
                throw CliException.Invalid($"{option} is missing: certificate, key and CA are needed together; {TlsAdvice}.");
            }

            if (!File.Exists(file))
            {
                throw CliException.LocalFile($"{option} '{file}' does not exist.");
            }
        }

        try
        {
            return TlsIdentity.Load(options);
        }
        catch (InvalidOperationException failure)
        {
            throw CliException.LocalFile($"The TLS files cannot be used: {failure.Message}");
        }
    }

    private static bool IsLoopback(Uri uri) =>
        uri.Host == "localhost" || (IPAddress.TryParse(uri.IdnHost, out var address) && IPAddress.IsLoopback(address));
}
