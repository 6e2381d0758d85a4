// SPDX-License-Identifier: Apache-2.0

using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OvirtDistributed.Hosting.Tls;

/// <summary>The loaded certificate of this process and the CA it trusts for its peers.</summary>
public sealed class TlsIdentity : IDisposable
{
    private readonly X509Certificate2 _certificate;
    private readonly X509Certificate2Collection _authorities;

    private TlsIdentity(X509Certificate2 certificate, X509Certificate2Collection authorities)
    {
        _certificate = certificate;
        _authorities = authorities;
    }

    /// <summary>The certificate with its private key.</summary>
    public X509Certificate2 Certificate => _certificate;

    /// <summary>Loads the files. Null when TLS is not configured.</summary>
    /// <exception cref="InvalidOperationException">A file is missing or is not PEM; the message names the setting.</exception>
    public static TlsIdentity? Load(TlsOptions options)
    {
        if (!options.Enabled)
        {
            return null;
        }

        var problems = options.Problems().ToList();
        if (problems.Count > 0)
        {
            throw new InvalidOperationException(string.Join(Environment.NewLine, problems));
        }

        try
        {
            using var pem = X509Certificate2.CreateFromPemFile(options.CertificateFile!, options.KeyFile!);
            // SslStream needs a key that is not ephemeral on every platform; the round trip through PKCS#12 gives one.
            var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(options.CaFile!);
            if (authorities.Count == 0)
            {
                throw new InvalidOperationException($"{TlsOptions.Section}:CaFile '{options.CaFile}' holds no PEM certificate.");
            }

            return new TlsIdentity(certificate, authorities);
        }
        catch (CryptographicException failure)
        {
            throw new InvalidOperationException(
                $"{TlsOptions.Section}: '{options.CertificateFile}' with key '{options.KeyFile}' and CA '{options.CaFile}' cannot be loaded: {failure.Message}", failure);
        }
    }

    /// <summary>True when the peer's certificate chains to our CA and, for a server, carries the name we asked for.</summary>
    public bool Accepts(X509Certificate? certificate, SslPolicyErrors errors)
    {
        // A name mismatch or a missing certificate is never forgiven; a chain error only means that the system does not know our CA.
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return certificate is X509Certificate2 peer && chain.Build(peer);
    }

    public void Dispose() => _certificate.Dispose();
}
