// SPDX-License-Identifier: Apache-2.0

using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.Trust;

/// <summary>Fetches the authority of a manager that is not trusted yet. The only place that accepts an unchecked certificate; no credentials are sent.</summary>
public sealed class FirstUseTrustFetcher(TimeProvider timeProvider)
{
    private const string Resource = "/ovirt-engine/services/pki-resource?resource=ca-certificate&format=X509-PEM-CA";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <param name="apiUrl">The manager's URL; only scheme, host and port are used.</param>
    /// <param name="hostAddresses">Host name to address to dial instead.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="OvirtException">Not reached, or the answer is no certificate.</exception>
    public async Task<FirstUseTrust> FetchAsync(Uri apiUrl, IReadOnlyDictionary<string, string> hostAddresses, CancellationToken cancellationToken)
    {
        if (!apiUrl.IsAbsoluteUri || apiUrl.Scheme != Uri.UriSchemeHttps)
        {
            throw new OvirtException(OvirtError.InvalidSettings, $"The manager's URL '{apiUrl}' is not https: use https://HOST/ovirt-engine/api.");
        }

        using var shown = new ShownCertificates();
        var pem = await DownloadAsync(apiUrl, hostAddresses, shown, cancellationToken);
        return Describe(pem, shown);
    }

    private async Task<string> DownloadAsync(
        Uri apiUrl, IReadOnlyDictionary<string, string> hostAddresses, ShownCertificates shown, CancellationToken cancellationToken)
    {
        using var handler = TlsHandlers.Create(caPem: null, hostAddresses, Limit);
        handler.SslOptions.RemoteCertificateValidationCallback = shown.Take;
        using var http = new HttpMessageInvoker(handler, disposeHandler: false);
        var exchange = new HttpExchange(http, apiUrl.Authority, Limit, timeProvider);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(apiUrl, Resource));
        var (status, body) = await exchange.SendAsync(request, cancellationToken);
        return status == 200
            ? Encoding.UTF8.GetString(body.Span)
            : throw new OvirtException(OvirtError.InvalidResponse, $"{apiUrl.Authority} has no CA to show (HTTP {status}). Is it an oVirt, OLVM or RHV manager?") { HttpStatus = status };
    }

    private static FirstUseTrust Describe(string pem, ShownCertificates shown)
    {
        X509Certificate2Collection authorities;
        try
        {
            authorities = CertificateText.Load(pem);
        }
        catch (OvirtException exception)
        {
            throw new OvirtException(OvirtError.InvalidResponse, "The manager's CA answer holds no usable certificate. Is the URL that of a manager?", exception);
        }

        var authority = authorities[0];
        var leaf = shown.Leaf ?? throw new OvirtException(OvirtError.InvalidResponse, "The manager showed no certificate.");
        return new FirstUseTrust
        {
            EngineCaPem = authority.ExportCertificatePem(),
            EngineCaFingerprint = CertificateText.Fingerprint(authority),
            EngineCaSubject = authority.Subject,
            EngineCaNotAfter = new DateTimeOffset(authority.NotAfter.ToUniversalTime(), TimeSpan.Zero),
            WebCertificateFingerprint = CertificateText.Fingerprint(leaf),
            WebCertificateSubject = leaf.Subject,
            WebCertificateIsFromEngineCa = !shown.NameMismatch && IsSignedBy(leaf, shown.Others, authority),
            WebCertificateIsFromSystemRoots = shown.TrustedBySystem,
        };
    }

    private static bool IsSignedBy(X509Certificate2 leaf, X509Certificate2Collection others, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.ExtraStore.AddRange(others);
        return chain.Build(leaf);
    }

    /// <summary>What the server showed during the handshake.</summary>
    private sealed class ShownCertificates : IDisposable
    {
        public X509Certificate2? Leaf { get; private set; }

        public X509Certificate2Collection Others { get; } = [];

        public bool NameMismatch { get; private set; }

        public bool TrustedBySystem { get; private set; }

        public bool Take(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        {
            if (certificate is null)
            {
                return false;
            }

            Leaf = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
            foreach (var element in chain?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            {
                Others.Add(X509CertificateLoader.LoadCertificate(element.Certificate.RawData));
            }

            NameMismatch = errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch);
            TrustedBySystem = errors == SslPolicyErrors.None;
            return true;
        }

        public void Dispose()
        {
            Leaf?.Dispose();
            foreach (var certificate in Others)
            {
                certificate.Dispose();
            }
        }
    }
}
